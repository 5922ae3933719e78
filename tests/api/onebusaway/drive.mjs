// Drives a server with OneBusAway's official client: reads steps as JSON from standard input, calls
// each, writes what the client made of the answers. Steps: [[resource, method, ...arguments], …].
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const [folder, baseURL, apiKey] = process.argv.slice(2);
const require = createRequire(`${folder}/package.json`);
const { OnebusawaySDK } = require("onebusaway-sdk");
const client = new OnebusawaySDK({ apiKey, baseURL, maxRetries: 0 });

const answers = [];
for (const [resource, method, ...given] of JSON.parse(await text(process.stdin))) {
  try {
    answers.push({ answer: await client[resource][method](...given) });
  } catch (error) {
    answers.push({ status: error.status ?? null, message: String(error.message) });
  }
}
process.stdout.write(JSON.stringify(answers));
