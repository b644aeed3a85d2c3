// Our parser against Node.js's own (llhttp, strict): what we take as a request it must take as the same request,
// ending at the same byte. That we refuse more is meant; what we take and it refuses is a difference that this
// file knows by name, or a failure.
//
//   node llhttp.mjs HTTP-OUTCOMES [MUTATIONS [SEED]]
import { spawnSync } from 'node:child_process';

process.removeAllListeners('warning');
process.on('warning', () => {});
const { HTTPParser, methods } = process.binding('http_parser');
const [program, mutations = '20000', seed = '1'] = process.argv.slice(2);

const big = 64 << 20;
const run = (args, input) => spawnSync(program, args, { input, maxBuffer: 16 * big, encoding: 'latin1' });
const hex = (text) => Buffer.from(text, 'latin1').toString('hex');

// What llhttp makes of the same bytes, given to it up to each of `ends`.
function llhttp(bytes, ends) {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, HTTPParser.kLenientNone);
  const whole = [];
  let fields = [], target = '', request = null, body = [];
  parser[HTTPParser.kOnMessageBegin | 0] = () => { fields = []; target = ''; request = null; body = []; };
  parser[HTTPParser.kOnHeaders | 0] = (more, url) => { if (!request) { fields.push(...more); target += url; } };
  parser[HTTPParser.kOnHeadersComplete | 0] = (major, minor, all, method, url, _s, _m, upgrade, keepAlive) => {
    if (all) fields = all;
    if (url !== undefined && url !== '') target = url;
    request = { method: methods[method], target: hex(target), major, minor, keep_alive: keepAlive, upgrade, fields: fields.map(hex) };
    return 0;
  };
  parser[HTTPParser.kOnBody | 0] = (piece, offset, length) => {
    body.push(offset === undefined ? Buffer.from(piece) : Buffer.from(piece.subarray(offset, offset + length)));
  };
  parser[HTTPParser.kOnMessageComplete | 0] = () => { whole.push({ ...request, body: Buffer.concat(body).toString('hex') }); };
  const counts = [];
  let error = '', at = 0;
  for (const end of ends) {
    const result = parser.execute(bytes.subarray(at, end));
    if (result instanceof Error) { error = result.code + ' ' + result.reason; counts.push(whole.length); break; }
    at = end;
    counts.push(whole.length);
    const last = whole.at(-1);
    if (last && (!last.keep_alive || last.upgrade)) break;
  }
  parser.close();
  return { whole, counts, error };
}

// What we take though llhttp does not. Each is allowed by the RFCs, and ends where everybody sees it end.
const meant = [
  // RFC 9110 §6.5.1: a trailer's fields are left out, whatever they are called. llhttp refuses those about framing.
  (found, bytes) => /llhttp: HPE_INVALID_(TRANSFER_ENCODING|CONTENT_LENGTH)|llhttp: HPE_UNEXPECTED_CONTENT_LENGTH|llhttp: not finished/.test(found) &&
    /\r\n0+(;[^\r]*)?\r\n([^\r]+\r\n)*?(transfer-encoding|content-length):/i.test(bytes.toString('latin1')),
  // RFC 9110 §5.6.3: white space around a value may be a tab, for these fields as well.
  (found, bytes) => /llhttp: HPE_INVALID_(CONTENT_LENGTH|TRANSFER_ENCODING)/.test(found) &&
    /(content-length:[ \t]*\d+|transfer-encoding:[ \t]*chunked) *\t/i.test(bytes.toString('latin1')),
  (found, bytes) => /keep_alive true is false/.test(found) && /connection:[^\r]*\t/i.test(bytes.toString('latin1')),
  // RFC 9112 §9.3: who says close and keep-alive is hung up.
  (found, bytes) => /keep_alive false is true/.test(found) && /connection:.*close/i.test(bytes.toString('latin1')),
];

function difference(bytes, ours) {
  const theirs = llhttp(bytes, ours.requests.map((r) => r.end));
  for (let i = 0; i < ours.requests.length; ++i) {
    const a = ours.requests[i], b = theirs.whole[i];
    if (!b) return `request ${i} taken, llhttp: ${theirs.error || 'not finished'}`;
    if (theirs.counts[i] !== i + 1) return `request ${i} ends elsewhere for llhttp (${theirs.counts[i]})`;
    for (const what of ['method', 'target', 'minor', 'body'])
      if (a[what] !== b[what]) return `request ${i}: ${what} ${a[what]} is ${b[what]} for llhttp`;
    if (JSON.stringify(a.fields) !== JSON.stringify(b.fields)) return `request ${i}: fields ${a.fields} are ${b.fields} for llhttp`;
    if (a.keep_alive !== b.keep_alive) return `request ${i}: keep_alive ${a.keep_alive} is ${b.keep_alive} for llhttp`;
    if (!b.keep_alive || b.upgrade) return '';
  }
  return '';
}

function judge(inputs) {
  const { stdout, status } = run([], inputs.map((i) => i.bytes.toString('hex')).join('\n') + '\n');
  const outcomes = stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  if (status !== 0 || outcomes.length !== inputs.length) throw new Error(`${program}: status ${status}, ${outcomes.length} outcomes of ${inputs.length}`);
  return outcomes;
}

// xorshift32: the same mutations for the same seed.
let state = (Number(seed) * 2654435761) >>> 0 || 1;
const random = (below) => {
  state ^= state << 13; state >>>= 0; state ^= state >>> 17; state ^= state << 5; state >>>= 0;
  return state % below;
};
const inserts = ['\r', '\n', '\r\n', ' ', '\t', ':', ';', ',', '"', '=', '0', '1', 'a', '+', '-', '\0', '\x0b', '\x7f', '\xff', '\r\n\r\n', '0\r\n\r\n',
  'Content-Length: 1\r\n', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n', 'transfer-encoding:chunked\r\n', 'Transfer-Encoding: x\r\n', 'Host: b\r\n',
  'Connection: close\r\n', 'Connection: keep-alive\r\n', 'chunked', 'close', 'keep-alive', ' HTTP/1.0', ' HTTP/1.1', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'Expect: 100-continue\r\n', 'Upgrade: x\r\nConnection: upgrade\r\n', 'X: y\r\n', 'X:\r\n', 'http://h/'].map((t) => Buffer.from(t, 'latin1'));
function mutate(bytes, other) {
  for (let n = 1 + random(3); n > 0; --n) {
    const at = random(bytes.length + 1), to = Math.min(bytes.length, at + 1 + random(4));
    const head = bytes.subarray(0, at), tail = bytes.subarray(at);
    switch (random(7)) {
      case 0: bytes = Buffer.concat([head, bytes.subarray(to)]); break;
      case 1: bytes = Buffer.concat([bytes.subarray(0, to), tail]); break;
      case 2: case 3: bytes = Buffer.concat([head, inserts[random(inserts.length)], tail]); break;
      case 4: bytes = Buffer.concat([head, Buffer.from([random(256)]), bytes.subarray(Math.min(bytes.length, at + 1))]); break;
      case 5: bytes = Buffer.concat([bytes, other]); break;
      default: bytes = Buffer.concat([head, inserts[random(inserts.length)], bytes.subarray(to)]);
    }
  }
  return bytes.subarray(0, 9000);
}

const cases = run(['cases']).stdout.split('\n').filter(Boolean).map((line) => {
  const [name, text = ''] = line.split(' ');
  return { name, bytes: Buffer.from(text, 'hex') };
});
const good = cases.filter(({ bytes }) => judge([{ bytes }])[0].refusal === 'none');
const inputs = [...cases];
for (let i = 0; i < Number(mutations); ++i) {
  const some = random(4) === 0 ? cases : good;
  const from = some[random(some.length)], other = cases[random(cases.length)];
  inputs.push({ name: `mutation ${i} of ${from.name}`, bytes: mutate(from.bytes, other.bytes) });
}
let taken = 0, compared = 0;
const wrong = new Map();
for (let at = 0; at < inputs.length; at += 5000) {
  const some = inputs.slice(at, at + 5000);
  const outcomes = judge(some);
  some.forEach(({ name, bytes }, i) => {
    compared += 1;
    taken += outcomes[i].requests.length;
    const found = difference(bytes, outcomes[i]);
    if (!found || meant.some((allowed) => allowed(found, bytes))) return;
    const kind = found.replace(/\d+/g, 'N').slice(0, 60);
    if (!wrong.has(kind)) wrong.set(kind, []);
    wrong.get(kind).push(`${name}: ${found}\n    ${JSON.stringify(bytes.toString('latin1').slice(0, 600))}`);
  });
}
console.log(`${compared} inputs, ${taken} requests taken, compared with llhttp ${process.versions.llhttp}`);
for (const [, all] of wrong) console.log(`${all.length} times:\n  ${all.slice(0, 2).join('\n  ')}`);
process.exit(wrong.size === 0 && taken > 0 ? 0 : 1);
