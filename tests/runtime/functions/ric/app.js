/* global awslambda */
// An answer in pieces, which only AWS's client has a name for.
exports.stream = awslambda.streamifyResponse(async (event, out) => {
  if (event.http) out = awslambda.HttpResponseStream.from(out, { statusCode: 201, headers: { 'x-made-by': 'test' } });
  else out.setContentType('text/plain');
  out.write('first, ');
  await new Promise((resolve) => setTimeout(resolve, 20));
  if (event.fail) throw new RangeError('in the middle');
  out.write('last');
  out.end();
  await out.finished?.();
});
