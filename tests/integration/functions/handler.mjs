// A handler for the managed Node.js runtime.
export const handle = async (event, context) => {
  switch (event?.do) {
    case 'error': throw new TypeError('no');
    case 'exit': process.exit(3);
    case 'sleep': await new Promise((done) => setTimeout(done, 30000)); break;
    case 'log': console.log('a line of', context.awsRequestId); break;
    case 'big': return 'x'.repeat(event.bytes);
  }
  return { event, id: context.awsRequestId, left_ms: context.getRemainingTimeInMillis(), name: context.functionName,
    variable: process.env.COLOUR };
};
