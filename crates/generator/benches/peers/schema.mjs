// Events made from the JSON Schema alone with json-schema-faker: COUNT of them, one a line. The schema
// is read from the file that `ringback schema event` wrote.
import { readFileSync, writeSync } from 'node:fs';
import * as module from 'json-schema-faker';

const [count, path] = [Number(process.argv[2]), process.argv[3]];
const schema = JSON.parse(readFileSync(path, 'utf8'));
const generate = module.generate ?? ((it) => (module.JSONSchemaFaker ?? module.default).resolve(it));
for (let index = 0; index < count; index += 1) {
  writeSync(1, `${JSON.stringify(await generate(schema))}\n`);
}
