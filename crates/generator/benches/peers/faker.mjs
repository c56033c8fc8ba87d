// Events of the same shape made with @faker-js/faker: COUNT of them, one a line, on standard output.
// An honest effort: one story per event as far as a faker goes (times follow each other, rows share the
// ids, the bill is summed), words from its sentence generator.
import { faker } from '@faker-js/faker';
import { writeSync } from 'node:fs';

const count = Number(process.argv[2]);
faker.seed(Number(process.argv[3] ?? 42));

const steps = { llm_call_charge: 15, tts_call_charge: 15, stt_call_charge: 1, platform_charge: 60, telephony_call_charge: 60, agent_charge: 60 };

function event() {
  const id = faker.string.uuid();
  const workspaceId = faker.string.uuid();
  const agentId = faker.string.uuid();
  const partId = faker.string.uuid();
  const customerId = faker.string.uuid();
  const phone = faker.phone.number({ style: 'international' });
  const outbound = faker.datatype.boolean();
  const created = faker.date.between({ from: '2025-01-01', to: '2026-01-01' }).getTime();
  const start = created + faker.number.int({ min: 300, max: 3000 });
  const join = start + faker.number.int({ min: 1000, max: 20000 });
  const turns = [];
  let now = join + 300;
  const count = faker.number.int({ min: 4, max: 40 });
  for (let index = 0; index < count; index += 1) {
    turns.push({
      messageType: index % 2 === 0 ? 'agentMessage' : 'userMessage',
      message: faker.lorem.sentence(),
      timestamp: new Date(now).toISOString(),
    });
    now += faker.number.int({ min: 1500, max: 9000 });
  }
  const end = now + 500;
  const iso = (ms) => new Date(ms).toISOString();
  const lasted = Math.ceil((end - start) / 1000);
  const items = Object.entries(steps).map(([chargeType, step]) => {
    const actualDuration = chargeType === 'platform_charge' ? lasted : faker.number.int({ min: 1, max: lasted });
    const item = {
      chargeType,
      cost: faker.number.int({ min: 10, max: 900 }) / 10000,
      actualDuration,
      billableDuration: Math.ceil(actualDuration / step) * step,
    };
    if (chargeType.startsWith('llm') || chargeType.startsWith('tts') || chargeType.startsWith('stt')) {
      item.providerModel = `${faker.helpers.arrayElement(['openai', 'azure', 'deepgram'])}/${faker.string.alpha(8)}`;
    }
    return item;
  });
  const platform = items.find((item) => item.chargeType === 'platform_charge');
  const business = faker.phone.number({ style: 'international' });
  return {
    eventId: faker.string.uuid(),
    eventType: 'conversation.completed',
    payload: {
      id, phoneId: faker.string.uuid(), agentId, flowId: null, workspaceId,
      callStartTime: iso(start), callEndTime: iso(end), userJoinTime: iso(join), userLeaveTime: iso(end),
      agentJoinTime: iso(join), agentLeaveTime: iso(end), transferStartTime: null, transferEndTime: null,
      transferUserJoinTime: null, transferUserLeaveTime: null, transferStatus: null, customerId,
      customer: {
        name: faker.person.fullName(), id: customerId, createdAt: iso(created), updatedAt: iso(created), workspaceId,
        email: faker.internet.exampleEmail(), phoneNumber: phone, identifier: faker.internet.username(),
        priority: faker.number.int({ min: 0, max: 9 }), sourceFile: null, source: { method: 'api' },
        isDoNotDisturbEnabled: false, metadata: { plan: faker.helpers.arrayElement(['basic', 'plus']) },
      },
      toPhoneNumber: outbound ? phone : business, fromPhoneNumber: outbound ? business : phone,
      transferDestination: null, conversationStatus: 'completed', telephonyType: outbound ? 'outbound' : 'inbound',
      telephonyStatus: 'completed', endReason: faker.helpers.arrayElement(['user_hangup', 'agent_hangup']),
      recordingStatus: 'completed', conversationType: 'telephony',
      dynamicVariables: JSON.stringify({ customerName: faker.person.fullName(), order: faker.string.alphanumeric(8), city: faker.location.city() }),
      campaignId: null, campaignRunId: null,
      recordingUrl: `https://uploads.oration.ai/public/conversations/${id}/recordings/mono.mp4`,
      transcript: turns.map((turn) => `${turn.messageType === 'agentMessage' ? 'Agent' : 'Customer'}: ${turn.message}`).join('\n'),
      transcripts: [{
        id: faker.string.uuid(), conversationId: id, messages: JSON.stringify(turns), conversationAgentId: partId, agentId,
        flowId: null, createdAt: iso(join), updatedAt: iso(end),
      }],
      postCallMetadata: null, createdAt: iso(created), updatedAt: iso(end + 400),
      agents: [{
        id: partId, agentId, conversationId: id, segmentId: null, sourceHandoffId: null, participantRole: 'primary',
        agentJoinTime: iso(join), agentLeaveTime: iso(end), createdAt: iso(join), updatedAt: iso(end),
      }],
      users: [{ id: faker.string.uuid(), agentId, conversationId: id, userJoinTime: iso(join), userLeaveTime: iso(end), createdAt: iso(join), updatedAt: iso(end) }],
      transfers: [],
      conversationCost: {
        totalCost: Math.round(items.reduce((sum, item) => sum + item.cost, 0) * 10000) / 10000,
        totalActualDuration: platform.actualDuration, totalBillableDuration: platform.billableDuration, items,
      },
    },
  };
}

for (let index = 0; index < count; index += 1) writeSync(1, `${JSON.stringify(event())}\n`);
