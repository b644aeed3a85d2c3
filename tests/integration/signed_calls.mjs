// CLIENT URL KEYS: calls of AWS's client for JavaScript (npm's @aws-sdk/client-lambda, whose folder CLIENT is) with different keys,
// and the errors it makes of the answers, as JSON.
import { createRequire } from "node:module";

const [client, endpoint, keys] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];
const { LambdaClient, InvokeCommand } = createRequire(client + "/")("@aws-sdk/client-lambda");
const found = {};

async function invoke(name, who, functionName = "echo", more = {}) {
    const lambda = new LambdaClient({
        endpoint, region: "us-east-1", maxAttempts: 1,
        credentials: { accessKeyId: keys[who][0], secretAccessKey: keys[who][1] }, ...more });
    try {
        const answer = await lambda.send(new InvokeCommand({ FunctionName: functionName, Payload: '{"a": 1}' }));
        found[name] = [answer.StatusCode, Buffer.from(answer.Payload).toString()];
    } catch (error) {
        found[name] = [error.name, error.$metadata?.httpStatusCode];
    }
}

for (const who of Object.keys(keys)) await invoke(who, who);
await invoke("qualifier", "alice", "echo:$LATEST");
await invoke("denied", "bob", "another");
await invoke("nobody", "alice", "nobody");
await invoke("late", "alice", "echo", { systemClockOffset: -360_000 });
console.log(JSON.stringify(found));
