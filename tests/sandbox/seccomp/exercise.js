// What ordinary Node.js programs do, under nodejs.policy:   node exercise.js C_EXERCISE
// Needs nothing but Node.js 18.
'use strict';
const assert = require('node:assert');
const childProcess = require('node:child_process');
const crypto = require('node:crypto');
const dgram = require('node:dgram');
const dns = require('node:dns');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { promisify } = require('node:util');
const { pipeline } = require('node:stream/promises');
const worker = require('node:worker_threads');
const zlib = require('node:zlib');

if (!worker.isMainThread) {
  worker.parentPort.postMessage(worker.workerData * 2);
  return;
}

async function files(folder) {
  const file = path.join(folder, 'file.txt');
  fs.writeFileSync(file, 'line\n'.repeat(1000));
  assert.strictEqual((await fs.promises.readFile(file, 'utf8')).length, 5000);
  await fs.promises.appendFile(file, 'more');
  fs.copyFileSync(file, path.join(folder, 'copy.txt'));
  fs.cpSync(folder, path.join(folder, '../', path.basename(folder) + '-copy'), { recursive: true });
  fs.rmSync(folder + '-copy', { recursive: true });
  fs.mkdirSync(path.join(folder, 'a/b'), { recursive: true });
  fs.renameSync(path.join(folder, 'copy.txt'), path.join(folder, 'a/b/moved.txt'));
  fs.symlinkSync(file, path.join(folder, 'link'));
  assert.strictEqual(fs.realpathSync(path.join(folder, 'link')), fs.realpathSync(file));
  const open = await fs.promises.open(file, 'r+');
  await open.writev([Buffer.from('LI'), Buffer.from('NE')], 0);
  await open.readv([Buffer.alloc(2), Buffer.alloc(2)], 0);
  await open.sync();
  await open.truncate(100);
  await open.chmod(0o600);
  await open.utimes(1, 1);
  await open.close();
  assert.strictEqual(fs.statSync(file).size, 100);
  fs.accessSync(file, fs.constants.R_OK);
  fs.statfsSync?.(folder);
  await pipeline(fs.createReadStream(file), zlib.createGzip(),
                 fs.createWriteStream(path.join(folder, 'file.gz')));
  assert.deepStrictEqual(fs.readdirSync(folder).sort(), ['a', 'file.gz', 'file.txt', 'link']);
  // Refused by the policy, as an error like any other.
  await (async () => fs.watch(folder).close())().catch((error) => assert(error.code));
}

async function webServer() {
  const server = http.createServer((request, response) => request.pipe(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = new http.Agent({ keepAlive: true });
  for (let i = 0; i < 3; ++i) {
    const request = http.request({ port: server.address().port, host: 'localhost', family: 4,
                                   method: 'POST', agent });
    request.end('ping');
    const [response] = await once(request, 'response');
    let text = '';
    for await (const part of response) text += part;
    assert.strictEqual(text, 'ping');
  }
  if (typeof fetch === 'function') {
    const answer = await fetch(`http://127.0.0.1:${server.address().port}/`,
                               { method: 'POST', body: 'fetched' });
    assert.strictEqual(await answer.text(), 'fetched');
  }
  agent.destroy();
  server.closeAllConnections?.();
  server.close();
}

async function sockets() {
  const server = net.createServer({ allowHalfOpen: true }, (peer) => peer.pipe(peer));
  server.listen(0);  // on "::", as programs do that name no address
  await once(server, 'listening');
  const client = net.connect(server.address().port, '127.0.0.1');
  client.setNoDelay(true);
  client.setKeepAlive(true, 1000);
  client.end('hello');
  let text = '';
  for await (const part of client) text += part;
  assert.strictEqual(text, 'hello');
  server.close();

  const udp = dgram.createSocket('udp4');
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  udp.setBroadcast(true);
  udp.send('datagram', udp.address().port, '127.0.0.1');
  assert.strictEqual((await once(udp, 'message'))[0].toString(), 'datagram');
  udp.close();
  assert.strictEqual((await promisify(dns.lookup)('127.0.0.1')).address, '127.0.0.1');
}

async function unixSocket(folder) {
  const server = net.createServer((peer) => peer.end('unix'));
  server.listen(path.join(folder, 'socket'));
  await once(server, 'listening');
  let text = '';
  for await (const part of net.connect(path.join(folder, 'socket'))) text += part;
  assert.strictEqual(text, 'unix');
  server.close();
}

async function processes(cExercise) {
  childProcess.execFileSync(cExercise, ['network'], { stdio: 'inherit' });
  assert.strictEqual(childProcess.execSync('echo $((6*7)) | cat').toString(), '42\n');
  const cat = childProcess.spawn('/bin/cat');
  cat.stdin.end('through');
  let text = '';
  for await (const part of cat.stdout) text += part;
  assert.strictEqual(text, 'through');
  const child = childProcess.fork(__filename, ['child']);
  const [message] = await once(child, 'message');
  assert.strictEqual(message, 'from the child');
  child.kill();
  await once(child, 'exit');
}

async function threads() {
  const numbers = await Promise.all([1, 2, 3].map(async (n) => {
    const thread = new worker.Worker(__filename, { workerData: n });
    // Both at once: the end may come right behind the message.
    const [[answer]] = await Promise.all([once(thread, 'message'), once(thread, 'exit')]);
    return answer;
  }));
  assert.deepStrictEqual(numbers, [2, 4, 6]);
}

async function others() {
  crypto.randomBytes(16);
  await promisify(crypto.pbkdf2)('secret', 'salt', 1000, 32, 'sha256');
  crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await promisify(zlib.brotliCompress)('x'.repeat(1000));
  os.cpus(), os.totalmem(), os.freemem(), os.loadavg(), os.uptime(), os.hostname();
  os.setPriority(os.getPriority());
  process.memoryUsage(), process.cpuUsage(), process.resourceUsage(), process.hrtime.bigint();
  process.umask(process.umask());
  const heard = once(process, 'SIGUSR2');
  process.kill(process.pid, 'SIGUSR2');
  const waiting = setTimeout(() => {}, 5000);  // waiting for a signal alone keeps nobody awake
  await heard;
  clearTimeout(waiting);
  await new Promise((done) => setTimeout(done, 10));
  await new Promise((done) => setImmediate(done));
  let sum = 0;
  const add = new Function('a', 'b', 'return a + b');
  for (let i = 0; i < 1e6; ++i) sum = add(sum, i);  // enough to be compiled
  if (global.gc) global.gc();
  await WebAssembly.instantiate(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
}

async function main() {
  if (process.argv[2] === 'child') {
    process.send('from the child');
    setInterval(() => {}, 1000);
    return;
  }
  const folder = fs.mkdtempSync('/tmp/skerry-exercise-');
  try {
    await files(folder);
    await unixSocket(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
  await webServer();
  await sockets();
  await threads();
  await others();
  await processes(process.argv[2]);
  process.exitCode = 0;
}

// A program that waits for what never comes ends well in Node.js; this one must not.
process.exitCode = 1;
main();
