// A handler for the managed Node.js runtime.
export const handle = async (event, context) => {
  switch (event?.do) {
    case 'error': throw new TypeError('no');
    case 'exit': process.exit(3);
    case 'sleep': await new Promise((done) => setTimeout(done, 30000)); break;
    case 'log': console.log('a line of', context.awsRequestId); break;
    case 'big': return 'x'.repeat(event.bytes);
  }
  if (event?.do === 'context') {
    const its = context.clientContext;
    const told = its ? { client: its.client ? { title: its.client.app_title } : null, custom: its.custom, env: its.env } : null;
    if (event.say) console.log('context:', JSON.stringify(told));
    return { context: told, trace: process.env._X_AMZN_TRACE_ID ?? null, keys: Object.keys(event).sort() };
  }
  return { event, id: context.awsRequestId, left_ms: context.getRemainingTimeInMillis(), name: context.functionName,
    variable: process.env.COLOUR };
};
