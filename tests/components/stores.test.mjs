// Two gates that share a Redis: is a session that one of them saw being born known to the other, is one that ended refused by
// both, and what do they do while the store is away?
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startGate } from './lib/gate.mjs';
import { form, request } from './lib/http.mjs';
import { startOrigin } from './lib/origin.mjs';
import { citizenRules, everyoneRules, portalAt } from './lib/policy.mjs';
import { waitFor } from './lib/processes.mjs';
import { startRedis } from './lib/redis.mjs';

const VNEID = 'citizen/vneid/2';
const UNBOUND = 'unknown/unknown/0';
const OFFICIAL = 'can.bo@daknong.gov.vn';

const sessions = `
[[credential]]
name = "portal-session"
from = [{ cookie = "PHPSESSID" }]
[credential.session]
idle = "30m"
follow = "always"
[[credential.login]]
name    = "vneid"
begins  = { location_host = ["sso.vneid.test"] }
request = { method = "GET", path = "/dang-nhap/callback", query = ["code", "state"] }
success = { status = [302], location = ["/"] }
is      = { account = "citizen", login = "vneid", level = 2 }
[[credential.login]]
name     = "password"
request  = { method = "POST", path = "/dang-nhap" }
username = { form = "username" }
success  = { status = [302], location = ["/"] }
is       = { login = "password", account_from = "username" }
[[credential.login]]
name     = "app"
request  = { method = "POST", path = "/dang-nhap/app" }
username = { form = "username" }
success  = { json = { "/code" = 0 } }
is       = { login = "password", account_from = "username" }
[[credential.logout]]
request = { path = "/dang-xuat" }

[[username]]
matches = '^[^@]+@daknong\\.gov\\.vn$'
account = "official"

[[rule]]
name = "officials"
when = { account = "official", login = "password", client = ["127.0.0.0/8"] }
then = "forward"
`;

let portal;
before(async () => {
  // It cannot tell its sessions apart: whoever comes back with a code is logged in.
  portal = await startOrigin((seen, response) => {
    const url = new URL(seen.url, 'http://portal.test');
    const to = (location) => response.writeHead(302, { location }).end();
    if (url.searchParams.has('moi')) response.setHeader('set-cookie', `PHPSESSID=${url.searchParams.get('moi')}; Path=/`);
    if (url.pathname === '/dang-nhap/vneid') return to(`https://sso.vneid.test/authorize?state=${url.searchParams.get('state')}`);
    if (url.pathname === '/dang-nhap/app') return response.setHeader('content-type', 'application/json').end('{"code":0}');
    if (url.pathname === '/dang-nhap/callback' || url.pathname === '/dang-xuat' || seen.method === 'POST') return to('/');
    return response.end('ok');
  });
});
after(() => portal?.stop());
beforeEach(() => portal.take());

const shared = (redis, more = '') => ({ state: `store = "redis"\nurl = "redis://127.0.0.1:${redis.port}/0"\n${more}` });
const files = () => ({ 'policy.toml': portalAt(portal.address) + sessions + citizenRules + everyoneRules });
const gates = (count, options) => Promise.all(Array.from({ length: count }, () => startGate(files(), options)));

const ask = (gate, path, session, options = {}) =>
  request(gate.url, path, { ...options, headers: { ...(session ? { cookie: `PHPSESSID=${session}` } : {}), ...options.headers } });
/** The gate's cookies of log-ins under way, by the session that the portal mints for them. */
const underWay = new Map();
async function begin(gate, session, state = 's') {
  const answer = await ask(gate, `/dang-nhap/vneid?state=${state}&moi=${session}`);
  underWay.set(session, answer.setCookies.map((field) => field.split(';')[0]).join('; '));
  return answer;
}
const comeBack = (gate, session, state = 's') =>
  request(gate.url, `/dang-nhap/callback?code=good&state=${state}`, { headers: { cookie: underWay.get(session) ?? 'lang=vi' } });
async function logIn(gate, session) {
  assert.equal((await begin(gate, session)).status, 302);
  assert.equal((await comeBack(gate, session)).status, 302);
}
/** What the gate vouches for towards the portal. */
async function vouched(gate, session) {
  portal.take();
  assert.equal((await ask(gate, '/tra-cuu-ho-so/1', session)).status, 200);
  const [{ headers }] = portal.take();
  return `${headers['x-gate-account']}/${headers['x-gate-login']}/${headers['x-gate-level']}`;
}

/** Runs a test with a Redis and gates of its own, and ends them. */
async function withGates(count, { redis: how, gate }, body) {
  const redis = await startRedis(how);
  const started = [];
  try {
    started.push(...await gates(count, gate(redis)));
    await body(redis, ...started);
  } finally {
    await Promise.all(started.map((g) => g.stop()));
    await redis.kill();
  }
}

const two = { redis: {}, gate: (redis) => shared(redis) };

test('who logs in at one gate is known at the other, and who logs out at one is refused by both', async () => {
  await withGates(2, two, async (redis, one, other) => {
    await logIn(one, 'citizen');
    assert.equal(await vouched(other, 'citizen'), VNEID);
    assert.equal(await vouched(one, 'citizen'), VNEID);
    assert.equal((await ask(other, '/nop-ho-so', 'citizen')).status, 200);
    assert.equal(await vouched(other, 'stranger'), UNBOUND);

    assert.equal((await ask(one, '/dang-xuat', 'citizen')).status, 302);
    const ended = Date.now();
    await waitFor('the other gate refuses', async () => (await ask(other, '/nop-ho-so', 'citizen')).status === 401, { within: 1_000, every: 20 });
    assert.ok(Date.now() - ended < 1_000);
    assert.equal((await ask(one, '/nop-ho-so', 'citizen')).status, 401);
  });
});

test('a log-in may begin at one gate and end at the other, once', async () => {
  await withGates(2, two, async (redis, one, other) => {
    await begin(one, 'guest');
    await comeBack(other, 'guest');
    assert.equal(await vouched(one, 'guest'), VNEID);
    await ask(one, '/dang-xuat', 'guest');
    await comeBack(one, 'guest');
    assert.equal(await vouched(one, 'guest'), UNBOUND, 'the begun log-in was used up at the other gate');
    await comeBack(other, 'never-begun');
    assert.equal(await vouched(other, 'never-begun'), UNBOUND);
  });
});

test('a password log-in at one gate leaves nothing of the better log-in at the other', async () => {
  await withGates(2, two, async (redis, one, other) => {
    await logIn(one, 's');
    const { body, type } = form({ username: OFFICIAL, password: 'x' });
    assert.equal((await ask(other, '/dang-nhap', 's', { method: 'POST', body, headers: type })).status, 302);
    await waitFor('the first gate knows', async () => (await vouched(one, 's')) === 'official/password/0', { within: 1_000, every: 20 });
    assert.equal((await ask(one, '/dang-nhap/app', 'app', { method: 'POST', body, headers: type })).status, 200);
    assert.equal(await vouched(other, 'app'), 'official/password/0', 'a success in the body is known before its end');
  });
});

test('a session that the portal renames at one gate is known by both names at the other, the old one not for ever', async () => {
  await withGates(2, two, async (redis, one, other) => {
    await logIn(one, 'cu');
    await ask(one, '/nop-ho-so/1?moi=moi', 'cu');
    assert.equal(await vouched(other, 'moi'), VNEID);
    assert.equal(await vouched(other, 'cu'), VNEID);
    const names = (await redis.ask('--scan', '--pattern', 'vneid-gate:name:*')).trim().split('\n');
    const lives = await Promise.all(names.map((_, at) => redis.ask('eval', `return redis.call('TTL', redis.call('KEYS', 'vneid-gate:name:*')[${at + 1}])`, '0')));
    assert.ok(lives.map(Number).some((s) => s > 0 && s <= 60), lives.join());
    await ask(other, '/dang-xuat', 'moi');
    await waitFor('the old name ends with the new one', async () => (await vouched(one, 'cu')) === UNBOUND, { within: 1_000, every: 20 });
  });
});

test('neither a killed gate nor a killed store forgets anybody', async () => {
  await withGates(2, two, async (redis, one, other) => {
    await logIn(one, 'citizen');
    await one.stop({ signal: 'SIGKILL' });
    await one.startAgain();
    assert.equal(await vouched(one, 'citizen'), VNEID);
    await redis.kill();
    await redis.start();
    for (const gate of [one, other]) {
      await waitFor('the gate finds the store again', async () => (await vouched(gate, 'citizen')) === VNEID);
    }
  });
});

/** How long it takes, and what came. */
async function timed(asking) {
  const began = Date.now();
  const answer = await asking();
  return { ms: Date.now() - began, status: answer.status, body: answer.body };
}

for (const [how, lose, find] of [
  ['is killed', (redis) => redis.kill(), (redis) => redis.start()],
  ['says nothing', (redis) => redis.pause(), (redis) => redis.resume()],
]) {
  test(`while the store ${how}, nobody is let in by a guess, nothing hangs, and no log-in is begun in vain`, async () => {
    await withGates(1, two, async (redis, gate) => {
      await logIn(gate, 'citizen');
      await begin(gate, 'late');
      await lose(redis);
      await waitFor('the gate notices', async () => (await gate.readiness()).status === 503, { within: 3_000 });
      portal.take();
      for (const path of ['/nop-ho-so', '/nop-ho-so/1']) {
        const { ms, status, body } = await timed(() => ask(gate, path, 'citizen', { headers: { accept: 'application/json' } }));
        assert.equal(status, 503, body);
        assert.equal(JSON.parse(body).reason, 'identity-unavailable');
        assert.ok(ms < 1_000, `${ms} ms`);
      }
      assert.equal((await comeBack(gate, 'late')).status, 503);
      assert.equal((await ask(gate, '/dang-xuat', 'citizen')).status, 503);
      assert.deepEqual(portal.take(), [], 'none of it reached the portal');
      assert.equal(await vouched(gate, 'citizen'), 'anonymous/none/0', 'public pages are served, the cookie does not travel');
      assert.match((await gate.readiness()).body, /the store of sessions is lost/);
      const metrics = await gate.metrics();
      assert.ok(metrics.sum('vneid_gate_store_errors_total') > 0);
      assert.ok(metrics.sum('vneid_gate_credential_checks_total', { result: 'unavailable' }) >= 2);

      await find(redis);
      await waitFor('the gate is ready again', async () => (await gate.readiness()).status === 200);
      assert.equal(await vouched(gate, 'citizen'), VNEID);
      await comeBack(gate, 'late');
      assert.equal(await vouched(gate, 'late'), VNEID);
    });
  });
}

test('with on_store_loss = "unbound" people are sent to the log-in while the store is away', async () => {
  await withGates(1, { redis: {}, gate: (redis) => shared(redis, 'on_store_loss = "unbound"') }, async (redis, gate) => {
    await logIn(gate, 'citizen');
    await redis.kill();
    await waitFor('the gate notices', async () => (await gate.readiness()).status === 503, { within: 3_000 });
    const headers = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
    const answer = await ask(gate, '/nop-ho-so', 'citizen', { headers });
    assert.deepEqual([answer.status, answer.headers.location], [303, '/dang-nhap']);
    assert.equal(await vouched(gate, 'citizen'), UNBOUND);
    assert.equal((await comeBack(gate, 'citizen')).status, 503, 'but no log-in can be kept');
    await redis.start();
    await waitFor('the gate is ready again', async () => (await gate.readiness()).status === 200);
    assert.equal(await vouched(gate, 'citizen'), VNEID);
  });
});

test('a store that asks for a password and speaks TLS under an authority of its own', async () => {
  const password = 'mat-khau-cua-kho';
  const state = (redis, file) => ({
    state: `store = "redis"\nurl = "rediss://localhost:${redis.port}/0"\npassword_env = "STORE_PASSWORD"\n${file}`, ready: false,
  });
  process.env.STORE_PASSWORD = password;
  const redis = await startRedis({ password, tls: true });
  const trusting = await startGate(files(), state(redis, `ca_file = "${redis.authority}"`));
  const strict = await startGate(files(), state(redis, ''));
  process.env.STORE_PASSWORD = 'sai';
  const wrong = await startGate(files(), state(redis, `ca_file = "${redis.authority}"`));
  try {
    await waitFor('the gate is ready', async () => (await trusting.readiness()).status === 200, { program: trusting.program });
    await logIn(trusting, 'citizen');
    assert.equal(await vouched(trusting, 'citizen'), VNEID);
    assert.match((await strict.readiness()).body, /the store of sessions is lost: .*certificate/i);
    assert.match((await wrong.readiness()).body, /the store of sessions is lost: .*(password|authenticat)/i);
    for (const gate of [trusting, strict, wrong]) {
      assert.ok(!gate.program.output.includes(password) && !gate.program.output.includes('sai@'), 'no password in the log');
    }
  } finally {
    await Promise.all([trusting, strict, wrong].map((gate) => gate.stop()));
    await redis.kill();
  }
});

test('gates with different secrets do not share a store unawares', async () => {
  await withGates(1, two, async (redis, gate) => {
    const other = await startGate(files(), { ...shared(redis), ready: false, secret: 'another-synthetic-secret-of-the-component-tests' });
    try {
      await waitFor('the other gate says why', async () => /another secret/.test((await other.readiness()).body));
      assert.equal((await ask(other, '/nop-ho-so', 'citizen')).status, 503);
    } finally {
      await other.stop();
    }
    const apart = await startGate(files(), { ...shared(redis, 'prefix = "khac:"'), secret: 'another-synthetic-secret-of-the-component-tests' });
    await logIn(apart, 'citizen');
    assert.equal(await vouched(gate, 'citizen'), UNBOUND);
    await apart.stop();
  });
});

test('what the store holds shows nobody, ends by itself, and believes nothing that was put there', async () => {
  await withGates(2, two, async (redis, one, other) => {
    const { body, type } = form({ username: OFFICIAL, password: 'x' });
    assert.equal((await ask(one, '/dang-nhap', 'official-session', { method: 'POST', body, headers: type })).status, 302);
    await logIn(one, 'citizen');
    const written = await redis.written();
    for (const secret of [OFFICIAL, 'official-session', 'citizen']) assert.ok(!written.includes(secret), secret);
    const lives = await redis.ask('eval', "local t = {} for _, k in ipairs(redis.call('KEYS', '*')) do if not string.find(k, ':secret$') then t[#t + 1] = redis.call('TTL', k) end end return t", '0');
    assert.ok(lives.trim().split('\n').every((line) => Number(line) > 0), lives);

    // Whoever can write to the store points an unknown session at the citizen's.
    await ask(one, '/dang-xuat', 'official-session');
    const { body: again } = form({ username: OFFICIAL, password: 'x' });
    await ask(one, '/dang-nhap', 'forger', { method: 'POST', body: again, headers: type });
    await redis.ask('eval', `
      local names = redis.call('KEYS', 'vneid-gate:name:*')
      local one, two = redis.call('GET', names[1]), redis.call('GET', names[2])
      redis.call('SET', names[1], two) redis.call('SET', names[2], one) return #names`, '0');
    await waitFor('neither is believed', async () => (await vouched(other, 'forger')) === UNBOUND && (await vouched(other, 'citizen')) === UNBOUND);
  });
});

test('a store that is full keeps who is known, refuses new log-ins, and takes them again by itself', async () => {
  await withGates(1, two, async (redis, gate) => {
    await logIn(gate, 'known');
    const [, used] = /used_memory:(\d+)/.exec(await redis.ask('info', 'memory'));
    await redis.ask('config', 'set', 'maxmemory', String(Number(used) - 100_000));
    await begin(gate, 'late');
    const refused = await comeBack(gate, 'late');
    assert.deepEqual([refused.status, refused.setCookies.filter((field) => field.startsWith('PHPSESSID='))], [503, []]);
    assert.equal(await vouched(gate, 'known'), VNEID);
    assert.equal((await ask(gate, '/nop-ho-so', 'known')).status, 200);
    await redis.ask('config', 'set', 'maxmemory', '0');
    await logIn(gate, 'late');
    assert.equal(await vouched(gate, 'late'), VNEID);
  });
});

test('strangers who begin log-ins leave nothing in the store and keep nobody out', async () => {
  await withGates(1, two, async (redis, gate) => {
    await begin(gate, 'victim', 'of-the-victim');
    const before = await redis.ask('dbsize');
    const flood = Array.from({ length: 8 }, async (_, stranger) => {
      for (let nth = 0; nth < 60; nth += 1) {
        const session = `stranger-${stranger}-${nth}`;
        await ask(gate, `/dang-nhap/vneid?state=${session}`, session);
        await ask(gate, `/dang-nhap/callback?code=x&state=${session}`, session);
        await ask(gate, '/dang-xuat', session);
      }
    });
    await Promise.all(flood);
    assert.equal(await redis.ask('dbsize'), before);
    await comeBack(gate, 'victim', 'of-the-victim');
    assert.equal(await vouched(gate, 'victim'), VNEID);
  });
});

test('a store that would forget people when it is full is named in the log', async () => {
  const redis = await startRedis();
  await redis.ask('config', 'set', 'maxmemory-policy', 'allkeys-lru');
  const gate = await startGate(files(), shared(redis));
  try {
    assert.match(gate.program.output, /maxmemory-policy allkeys-lru/);
  } finally {
    await gate.stop();
    await redis.kill();
  }
});
