//! Each fault, judged by the verification itself.

use ringback_signature::{Expected, Fault, PRESETS, Template};

use crate::support::{BODY, lines, message, preset, secret_for, signer, verify};

#[test]
fn each_fault_is_refused_or_taken_as_it_says_in_every_scheme_it_has_a_meaning_in() {
    for preset in PRESETS {
        let template = preset.template();
        let key = secret_for(&template);
        let right = signer(&template, &[key]).headers(&message(BODY));
        for fault in Fault::ALL {
            let Ok(signer) = signer(&template, &[key]).with_fault(fault) else { continue };
            let headers = signer.headers(&message(BODY));
            assert_ne!(lines(&headers), lines(&right), "{} {}", preset.name, fault.name());
            let verified = verify(&template, &[key], &headers, BODY);
            let is_accepted = fault.expected() == Expected::Accepted;
            assert_eq!(
                verified.is_ok(),
                is_accepted,
                "{} {}: {verified:?}",
                preset.name,
                fault.name()
            );
        }
    }
}

#[test]
fn each_fault_has_a_diagnosis() {
    let template = preset("standard-webhooks");
    let key = secret_for(&template);
    let mut told = String::new();
    for fault in Fault::ALL {
        let found = signer(&template, &[key]).with_fault(fault).map(|signer| {
            match verify(&template, &[key], &signer.headers(&message(BODY)), BODY) {
                Ok(_) => "valid",
                Err(diagnosis) => diagnosis.name(),
            }
        });
        told.push_str(&format!("{}: {}\n", fault.name(), found.unwrap_or("no meaning here")));
    }
    insta::assert_snapshot!(told, @"
    missing: missing-header
    missing-timestamp: missing-header
    missing-id: missing-header
    empty: malformed-header
    malformed: malformed-header
    not-ascii: malformed-header
    huge: malformed-header
    truncated: truncated
    flipped-bit: no-match
    wrong-secret: no-match
    body-altered: no-match
    id-altered: no-match
    stale: too-old
    future: too-far-in-the-future
    other-unit: other-unit
    second-of-several: valid
    none-of-several: no-match
    ");
}

#[test]
fn a_fault_that_has_no_meaning_is_refused() {
    let error = |name: &str, fault| {
        signer(&preset(name), &["k"]).with_fault(fault).unwrap_err().to_string()
    };
    insta::assert_snapshot!(error("github", Fault::Stale), @"`stale` has no meaning here: this scheme has no timestamp");
    insta::assert_snapshot!(error("github", Fault::SecondOfSeveral), @"`second-of-several` has no meaning here: this scheme has one signature and no list of them");
    insta::assert_snapshot!(error("synthflow", Fault::BodyAltered), @"`body-altered` has no meaning here: this scheme does not sign the body, so nobody can notice");
    insta::assert_snapshot!(error("stripe", Fault::MissingId), @"`missing-id` has no meaning here: no id can be left out of this scheme");
    insta::assert_snapshot!(error("retell", Fault::MissingTimestamp), @"`missing-timestamp` has no meaning here: no timestamp can be left out of this scheme");
}

#[test]
fn a_fault_leaves_the_rest_as_it_is() {
    let template: Template = preset("stripe");
    let with = |fault| {
        let signer = signer(&template, &["k"]).with_fault(fault).unwrap();
        lines(&signer.headers(&message(BODY))).join("\n")
    };
    assert!(with(Fault::MissingTimestamp).starts_with("stripe-signature: v1="));
    assert_eq!(with(Fault::Missing), "");
    assert_eq!(with(Fault::Empty), "stripe-signature: ");
    assert_eq!(with(Fault::Malformed), "stripe-signature: t=1614265330,v1=not a signature");
    assert_eq!(with(Fault::SecondOfSeveral).matches(",v1=").count(), 2);
    assert!(with(Fault::Stale).contains("t=1614261430,"), "{}", with(Fault::Stale));
    assert!(with(Fault::OtherUnit).contains("t=1614265330000,"));
}
