"""Events of the same shape made with Python's Faker: COUNT of them, one a line, as faker.mjs does."""

import datetime
import json
import math
import sys

from faker import Faker

COUNT = int(sys.argv[1])
STEPS = {
    "llm_call_charge": 15, "tts_call_charge": 15, "stt_call_charge": 1,
    "platform_charge": 60, "telephony_call_charge": 60, "agent_charge": 60,
}
fake = Faker()
Faker.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 42)
EPOCH = 1_735_689_600_000


def iso(ms):
    time = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return time.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def number():
    return "+1" + fake.numerify("2#%5550###")[:10]


def event():
    uuid, between = fake.uuid4, fake.random_int
    call, workspace, agent, part, customer = uuid(), uuid(), uuid(), uuid(), uuid()
    phone, business, outbound = number(), number(), fake.boolean()
    created = EPOCH + between(0, 31_536_000) * 1000 + between(0, 999)
    start = created + between(300, 3000)
    join = start + between(1000, 20000)
    now, turns = join + 300, []
    for index in range(between(4, 40)):
        kind = "agentMessage" if index % 2 == 0 else "userMessage"
        turns.append({"messageType": kind, "message": fake.sentence(), "timestamp": iso(now)})
        now += between(1500, 9000)
    end = now + 500
    lasted = math.ceil((end - start) / 1000)
    items = []
    for kind, step in STEPS.items():
        actual = lasted if kind == "platform_charge" else between(1, lasted)
        item = {
            "chargeType": kind, "cost": between(10, 900) / 10000, "actualDuration": actual,
            "billableDuration": math.ceil(actual / step) * step,
        }
        if kind[:3] in ("llm", "tts", "stt"):
            item["providerModel"] = f"{fake.random_element(('openai', 'azure', 'deepgram'))}/{fake.lexify('????????')}"
        items.append(item)
    platform = items[3]
    row = {"createdAt": iso(join), "updatedAt": iso(end)}
    return {
        "eventId": uuid(), "eventType": "conversation.completed",
        "payload": {
            "id": call, "phoneId": uuid(), "agentId": agent, "flowId": None, "workspaceId": workspace,
            "callStartTime": iso(start), "callEndTime": iso(end), "userJoinTime": iso(join),
            "userLeaveTime": iso(end), "agentJoinTime": iso(join), "agentLeaveTime": iso(end),
            "transferStartTime": None, "transferEndTime": None, "transferUserJoinTime": None,
            "transferUserLeaveTime": None, "transferStatus": None, "customerId": customer,
            "customer": {
                "name": fake.name(), "id": customer, "createdAt": iso(created), "updatedAt": iso(created),
                "workspaceId": workspace, "email": fake.safe_email(), "phoneNumber": phone,
                "identifier": fake.user_name(), "priority": between(0, 9), "sourceFile": None,
                "source": {"method": "api"}, "isDoNotDisturbEnabled": False, "metadata": {"plan": "basic"},
            },
            "toPhoneNumber": phone if outbound else business,
            "fromPhoneNumber": business if outbound else phone,
            "transferDestination": None, "conversationStatus": "completed",
            "telephonyType": "outbound" if outbound else "inbound", "telephonyStatus": "completed",
            "endReason": fake.random_element(("user_hangup", "agent_hangup")),
            "recordingStatus": "completed", "conversationType": "telephony",
            "dynamicVariables": json.dumps({"customerName": fake.name(), "order": fake.bothify("??######"), "city": fake.city()}),
            "campaignId": None, "campaignRunId": None,
            "recordingUrl": f"https://uploads.oration.ai/public/conversations/{call}/recordings/mono.mp4",
            "transcript": "\n".join(
                f"{'Agent' if turn['messageType'] == 'agentMessage' else 'Customer'}: {turn['message']}" for turn in turns
            ),
            "transcripts": [{
                "id": uuid(), "conversationId": call, "messages": json.dumps(turns),
                "conversationAgentId": part, "agentId": agent, "flowId": None, **row,
            }],
            "postCallMetadata": None, "createdAt": iso(created), "updatedAt": iso(end + 400),
            "agents": [{
                "id": part, "agentId": agent, "conversationId": call, "segmentId": None,
                "sourceHandoffId": None, "participantRole": "primary", "agentJoinTime": iso(join),
                "agentLeaveTime": iso(end), **row,
            }],
            "users": [{
                "id": uuid(), "agentId": agent, "conversationId": call, "userJoinTime": iso(join),
                "userLeaveTime": iso(end), **row,
            }],
            "transfers": [],
            "conversationCost": {
                "totalCost": round(sum(item["cost"] for item in items), 4),
                "totalActualDuration": platform["actualDuration"],
                "totalBillableDuration": platform["billableDuration"], "items": items,
            },
        },
    }


for _ in range(COUNT):
    sys.stdout.write(json.dumps(event(), ensure_ascii=False) + "\n")
