// 100,000 requests from wrk through the gate to nginx, identities mixed on many connections at once: is every single answer
// the one that this identity had to get, and do the gate's counters say exactly what the clients saw?
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accepts, startGate } from './lib/gate.mjs';
import { freePort, start, temporaryFolder, waitFor } from './lib/processes.mjs';
import { prepareIssuer, tokenPolicy } from './lib/tokens.mjs';

const REQUESTS = 100_000;
const THREADS = 16;

let nginx, gate, issuer;
before(async () => {
  issuer = await prepareIssuer();
  const folder = temporaryFolder('nginx');
  const port = await freePort();
  // What reached it is what it answers: who the gate said it was, and whether the credential still travelled.
  writeFileSync(join(folder, 'nginx.conf'), `
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
worker_processes 1;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000;
  map $http_authorization $credential { "" bare; default credential; }
  server {
    listen 127.0.0.1:${port};
    default_type text/plain;
    return 200 "$http_x_gate_account $http_x_gate_login $http_x_gate_level $credential $http_x_gate_subject";
  }
}
`);
  nginx = start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { env: { PATH: `${process.env.PATH}:/usr/sbin` } });
  await waitFor('nginx listens', () => accepts(port), { program: nginx });
  gate = await startGate(tokenPolicy(issuer, `127.0.0.1:${port}`));
});
after(async () => {
  await gate?.stop();
  await nginx?.stop({ signal: 'SIGQUIT' });
});

/** Every kind of request that one client sends, with the one right answer and what the gate must count for it. */
async function kindsOf(subject) {
  const [vneid, password, expired] = await Promise.all([issuer.vneid(subject), issuer.password(subject), issuer.expired(subject)]);
  const filing = `/nop-ho-so/${subject}`;
  const reading = '/tra-cuu-ho-so/1';
  const let_in = { status: 200, body: `citizen vneid 2 credential ${subject}`, action: 'forward', rule: 'citizen-vneid' };
  const refused = { status: 403, action: 'reject', rule: 'citizen-uses-vneid' };
  const log_in = { status: 401, action: 'login', rule: 'default' };
  const taken_off = { status: 200, body: 'anonymous none 0 bare ', action: 'anonymous', rule: 'public-without-identity' };
  return [
    { name: 'vneid-files', path: filing, token: vneid, ...let_in },
    { name: 'vneid-reads', path: reading, token: vneid, ...let_in },
    { name: 'password-files', path: filing, token: password, ...refused },
    { name: 'password-reads', path: reading, token: password, ...refused },
    { name: 'expired-files', path: filing, token: expired, ...log_in },
    { name: 'junk-files', path: filing, token: 'junk.junk.junk', ...log_in },
    { name: 'junk-reads', path: reading, token: 'junk.junk.junk', ...taken_off },
    { name: 'nobody-files', path: filing, ...log_in },
    { name: 'nobody-reads', path: reading, status: 200, body: 'anonymous none 0 bare ', action: 'forward', rule: 'public-pages' },
    { name: 'ambiguous', path: '/tra-cuu-ho-so/%2e%2e/nop-ho-so/1', token: vneid, status: 400, action: 'refused', rule: 'refused' },
  ];
}

const lua = (value) => {
  if (Array.isArray(value)) return `{${value.map(lua).join(',')}}`;
  if (typeof value === 'object') return `{${Object.entries(value).map(([key, inner]) => `${key}=${lua(inner)}`).join(',')}}`;
  return JSON.stringify(value);
};

/** One thread's report: `sent`, `answers`, `wrong`, the answers by kind, and examples of wrong ones. */
function report(text) {
  const found = { kinds: {}, examples: [] };
  for (const line of text.trim().split('\n')) {
    const [word, ...rest] = line.split(' ');
    if (word === 'kind') found.kinds[rest[0]] = Number(rest[1]);
    else if (word === 'example') found.examples.push(rest.join(' '));
    else found[word] = Number(rest[0]);
  }
  return found;
}

test('no answer of 100,000 is wrong, and the gate counted exactly what the clients saw', async (t) => {
  const folder = temporaryFolder('load');
  const clients = await Promise.all(Array.from({ length: THREADS }, (_, n) => kindsOf(String(1_090_000_001 + n).padStart(12, '0'))));
  writeFileSync(join(folder, 'kinds.lua'), `return ${lua(clients)}\n`);
  const counted = async () => {
    const metrics = await gate.metrics();
    return {
      total: metrics.sum('vneid_gate_requests_total'),
      failed: metrics.samples
        .filter(({ name, labels }) => name === 'vneid_gate_requests_total' && labels.code.startsWith('5'))
        .reduce((sum, { value }) => sum + value, 0),
      actions: { ...metrics.by('vneid_gate_decisions_total', 'action'), refused: metrics.sum('vneid_gate_refused_requests_total') },
      rules: { ...metrics.by('vneid_gate_decisions_total', 'rule'), refused: metrics.sum('vneid_gate_refused_requests_total') },
    };
  };
  const before = await counted();

  const script = new URL('load.lua', import.meta.url).pathname;
  const url = gate.url.replace('portal.test', '127.0.0.1');
  const wrk = start('wrk', [
    '--threads', THREADS, '--connections', THREADS, '--duration', '600s', '--timeout', '30s', '--script', script, url,
    '--', folder, REQUESTS / THREADS,
  ].map(String));
  const reports = Array.from({ length: THREADS }, (_, n) => join(folder, `thread-${n + 1}.txt`));
  await waitFor('every thread has its answers', () => reports.every((file) => existsSync(file)), { program: wrk, within: 300_000, every: 200 });
  await wrk.stop({ signal: 'SIGINT' });

  const seen = reports.map((file) => report(readFileSync(file, 'utf8')));
  const total = (of) => seen.reduce((sum, one) => sum + of(one), 0);
  assert.deepEqual(seen.flatMap(({ examples }) => examples), [], `wrong answers, or none\n${wrk.output}`);
  assert.equal(total(({ wrong }) => wrong), 0);
  assert.equal(total(({ answers }) => answers), REQUESTS);
  assert.equal(total(({ sent }) => sent), REQUESTS, 'requests without an answer');

  const expected = { actions: {}, rules: {} };
  for (const { name, action, rule } of clients[0]) {
    const answers = total(({ kinds }) => kinds[name]);
    assert.ok(answers > REQUESTS / 20, `${name} was asked ${answers} times only`);
    expected.actions[action] = (expected.actions[action] ?? 0) + answers;
    expected.rules[rule] = (expected.rules[rule] ?? 0) + answers;
  }
  // An answer may be read before it is counted.
  const after = await waitFor('the gate has counted all', async () => {
    const now = await counted();
    return now.total - before.total >= REQUESTS && now;
  }, { program: gate.program });
  assert.equal(after.total - before.total, REQUESTS);
  assert.equal(after.failed - before.failed, 0, '5xx answers');
  const grown = (what) => Object.fromEntries(
    Object.entries(after[what]).map(([key, value]) => [key, value - (before[what][key] ?? 0)]).filter(([, value]) => value !== 0));
  assert.deepEqual(grown('actions'), expected.actions);
  assert.deepEqual(grown('rules'), expected.rules);
  t.diagnostic(/Requests\/sec: +(\S+)/.exec(wrk.output)?.[0] ?? wrk.output);
});
