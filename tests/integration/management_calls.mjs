// CLIENT MANAGE INVOKE KEY SECRET ZIP: a function's life by AWS's client for JavaScript (npm's @aws-sdk/client-lambda, whose folder CLIENT is):
// managed by MANAGE, invoked by INVOKE. What came of it, as JSON.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const [folder, manage, invoke, accessKeyId, secretAccessKey, zip] = process.argv.slice(2);
const lambda = createRequire(folder + "/")("@aws-sdk/client-lambda");
const clientOf = endpoint => new lambda.LambdaClient({ endpoint, region: "us-east-1", maxAttempts: 1, credentials: { accessKeyId, secretAccessKey } });
const [manager, invoker] = [clientOf(manage), clientOf(invoke)];
const FunctionName = "by-javascript";
const found = {};

const send = (command, more = {}) => manager.send(new lambda[command + "Command"]({ FunctionName, ...more }));

const Code = { ZipFile: readFileSync(zip) };
const made = await send("CreateFunction", { Runtime: "nodejs18.x", Role: "arn:aws:iam::000000000000:role/skerry", Handler: "app.handle", Code });
found.made = [made.State, made.Version];
const waited = await lambda.waitUntilFunctionActiveV2({ client: manager, maxWaitTime: 5 }, { FunctionName });
found.waited = waited.state;
found.published = (await send("PublishVersion")).Version;
found.second = (await send("UpdateFunctionConfiguration", { Environment: { Variables: { WHO: "second" } } })).Environment.Variables.WHO;
found.published2 = (await send("PublishVersion")).Version;
const alias = await send("CreateAlias", { Name: "live", FunctionVersion: "1", RoutingConfig: { AdditionalVersionWeights: { "2": 0.5 } } });
found.alias = [alias.FunctionVersion, alias.RoutingConfig.AdditionalVersionWeights["2"]];
found.shares = {};
for (let i = 0; i < 32; ++i) {
    const answer = await invoker.send(new lambda.InvokeCommand({ FunctionName, Qualifier: "live", Payload: "{}" }));
    const said = answer.ExecutedVersion + " " + Buffer.from(answer.Payload).toString();
    found.shares[said] = (found.shares[said] ?? 0) + 1;
}
try {
    await send("CreateFunction", { Runtime: "nodejs18.x", Role: "arn:aws:iam::000000000000:role/skerry", Handler: "app.handle", Code });
} catch (error) {
    found.again = [error instanceof lambda.ResourceConflictException, error.$metadata.httpStatusCode];
}
await send("DeleteAlias", { Name: "live" });
found.deleted = (await send("DeleteFunction")).$metadata.httpStatusCode;
console.log(JSON.stringify(found));
