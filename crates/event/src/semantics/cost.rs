//! The bill adds up.

use std::collections::HashSet;

use super::Report;
use crate::conversation::Payload;
use crate::cost::{ChargeType, ConversationCost};
use crate::exact::Exact;
use crate::rule::Rule;

const BILL: &str = "/payload/conversationCost";

pub(super) fn check(payload: &Payload, report: &mut Report) {
    let Some(cost) = payload.conversation_cost.value() else { return };
    totals(cost, report);
    items(cost, report);

    if let (Some(start), Some(end)) =
        (payload.call_start_time.value(), payload.call_end_time.value())
    {
        // Rounded up: durations are shown as whole seconds.
        let lasted = (end.as_millisecond() - start.as_millisecond() + 999).div_euclid(1000);
        let used = cost.total_actual_duration;
        if used > Exact::from(lasted) {
            report.add(
                Rule::CostWithinCall,
                format!("{BILL}/totalActualDuration"),
                format!("{used} s"),
                format!("at most the call's {lasted} s"),
            );
        }
    }
}

fn totals(cost: &ConversationCost, report: &mut Report) {
    let items = cost.items.rows();
    if items.is_empty() {
        return;
    }
    let sum: Exact = items.iter().map(|item| item.cost).sum();
    if cost.total_cost != sum {
        let pointer = format!("{BILL}/totalCost");
        report.add(Rule::CostTotal, pointer, cost.total_cost.to_string(), sum.to_string());
    }
    let platform = items.iter().find(|item| item.charge_type == ChargeType::Platform);
    let longest_actual = items.iter().map(|item| item.actual_duration).max();
    let longest_billable = items.iter().map(|item| item.billable_duration).max();
    let durations = [
        (
            "totalActualDuration",
            cost.total_actual_duration,
            platform.map(|item| item.actual_duration),
            longest_actual,
        ),
        (
            "totalBillableDuration",
            cost.total_billable_duration,
            platform.map(|item| item.billable_duration),
            longest_billable,
        ),
    ];
    for (key, total, of_platform, longest) in durations {
        let pointer = format!("{BILL}/{key}");
        match (of_platform, longest) {
            (Some(of_platform), _) if total != of_platform => {
                report.add(Rule::CostDuration, pointer, total.to_string(), of_platform.to_string());
            }
            (_, Some(longest)) if total < longest => {
                let expected = format!("at least the longest item's {longest}");
                report.add(Rule::CostDuration, pointer, total.to_string(), expected);
            }
            _ => {}
        }
    }
}

fn items(cost: &ConversationCost, report: &mut Report) {
    let mut kinds = HashSet::new();
    for (index, item) in cost.items.rows().iter().enumerate() {
        let pointer = format!("{BILL}/items/{index}");
        let kind = item.charge_type.as_str();
        if item.billable_duration < item.actual_duration {
            report.add(
                Rule::CostBillable,
                format!("{pointer}/billableDuration"),
                item.billable_duration.to_string(),
                format!("at least {}", item.actual_duration),
            );
        }
        let numbers = [
            ("cost", item.cost),
            ("actualDuration", item.actual_duration),
            ("billableDuration", item.billable_duration),
        ];
        for (key, number) in numbers {
            if number < Exact::ZERO {
                let pointer = format!("{pointer}/{key}");
                report.add(Rule::CostNegative, pointer, number.to_string(), "no less than 0");
            }
        }
        let model = item.provider_model.text();
        let pointer_model = format!("{pointer}/providerModel");
        match (item.charge_type.names_model(), model) {
            (Some(true), None) => {
                let expected = format!("provider/model for {kind}");
                report.add(Rule::CostModel, pointer_model, "nothing", expected);
            }
            (Some(false), Some(model)) => {
                let expected = format!("nothing for {kind}");
                report.add(Rule::CostModel, pointer_model, model, expected);
            }
            _ => {}
        }
        if !kinds.insert(kind) {
            report.add(
                Rule::CostKinds,
                format!("{pointer}/chargeType"),
                format!("{kind} a second time"),
                "one row",
            );
        }
    }
}
