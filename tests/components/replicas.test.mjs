// Two gates that share a Redis: is whoever is taken away at one refused by both within a second, with all that they hold open,
// and what do both do with tokens while nobody can know who was taken away?
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { binary, startGate } from './lib/gate.mjs';
import { request, upgrade } from './lib/http.mjs';
import { startOrigin } from './lib/origin.mjs';
import { run, waitFor } from './lib/processes.mjs';
import { startRedis } from './lib/redis.mjs';
import { prepareIssuer, tokenPolicy } from './lib/tokens.mjs';

const [NGUYEN, TRAN] = ['001090000001', '001090000002'];
/** What is promised: everybody knows after a second. */
const SOON = { within: 1_000, every: 20 };

let issuer, portal;
before(async () => {
  process.env.ADMIN_TOKEN = 'synthetic-admin-token-of-the-component-tests-0123456789';
  issuer = await prepareIssuer();
  portal = await startOrigin();
});
after(() => portal?.stop());
beforeEach(() => portal.take());

/** Runs a test with a Redis and two gates of its own, and ends them. */
async function withTwo(more, body) {
  const redis = await startRedis();
  const state = `store = "redis"\nurl = "redis://127.0.0.1:${redis.port}/0"\n${more}`;
  const options = { state, admin: 'token_env = "ADMIN_TOKEN"' };
  const gates = await Promise.all([1, 2].map(() => startGate(tokenPolicy(issuer, portal.address), options)));
  try {
    await body(redis, ...gates);
  } finally {
    await Promise.all(gates.map((gate) => gate.stop()));
    await redis.kill();
  }
}

const headers = (token) => ({ authorization: `Bearer ${token}`, accept: 'application/json' });
const ask = (gate, token, path = '/nop-ho-so/1') => request(gate.url, path, { headers: headers(token) });
const revoke = (gate, words, input) => run(binary(), ['revoke', gate.folder, ...words], { input });
const isOut = async (gate, token) => {
  const answer = await ask(gate, token);
  return answer.status === 401 && answer.json().reason === 'credential-revoked';
};

test('who is taken away at one gate is refused by both within a second, with their open WebSocket, and nobody else is', async () => {
  await withTwo('', async (redis, one, other) => {
    const [hers, his] = [await issuer.vneid(NGUYEN), await issuer.vneid(TRAN)];
    for (const gate of [one, other]) for (const token of [hers, his]) assert.equal((await ask(gate, token)).status, 200);
    const [herSocket, hisSocket] = await Promise.all([hers, his].map((token) => upgrade(other.url, '/nop-ho-so/ws', headers(token))));
    assert.deepEqual([herSocket.status, hisSocket.status, portal.tunnels.size], [101, 101, 2]);

    await revoke(one, ['--subject', '-'], NGUYEN);
    const told = Date.now();
    assert.ok(await isOut(one, hers), 'there on the next request');
    await waitFor('the other gate refuses', () => isOut(other, hers), SOON);
    await herSocket.ended;
    assert.ok(Date.now() - told < 1_500, `${Date.now() - told} ms`);
    await waitFor('the portal sees it end', () => portal.tunnels.size === 1, SOON);
    const echo = new Promise((heard) => hisSocket.socket.once('data', heard));
    hisSocket.socket.write('still here');
    assert.equal(String(await echo), 'still here');
    for (const gate of [one, other]) assert.equal((await ask(gate, his)).status, 200);
    hisSocket.socket.destroy();

    // The clocks of tokens count seconds: what is issued in the next one is a new log-in.
    await waitFor('the next second', () => Date.now() / 1000 > Math.ceil(told / 1000));
    const again = await issuer.vneid(NGUYEN);
    for (const gate of [one, other]) assert.equal((await ask(gate, again)).status, 200);
    const written = await redis.written();
    assert.ok(!written.includes(NGUYEN), 'the store learns no name');
  });
});

test('a gate that starts later knows, and so does one that was killed, and a store that was', async () => {
  await withTwo('', async (redis, one, other) => {
    const token = await issuer.vneid(NGUYEN);
    await other.stop({ signal: 'SIGKILL' });
    await revoke(one, ['--credential', 'sso-token']);
    await redis.kill();
    await redis.start();
    await other.startAgain();
    assert.ok(await isOut(other, token));
    await waitFor('the first gate finds the store again', () => isOut(one, token));
    assert.equal((await one.metrics()).sum('vneid_gate_revocations'), 1);
    assert.equal((await other.metrics()).sum('vneid_gate_revocations'), 1);
  });
});

test('a store that lost entries of a clock that was ahead hides none of those that come after', async () => {
  await withTwo('', async (redis, one, other) => {
    const token = await issuer.vneid(NGUYEN);
    const stream = 'vneid-gate:revocations:';
    const looks = async () => Number(/cmdstat_xread:calls=(\d+)/.exec(await redis.ask('INFO', 'commandstats'))?.[1] ?? 0);
    await redis.ask('XADD', stream, `${Date.now() + 3_600_000}-0`, 'name', 'x', 'sealed', 'y');
    const before = await looks();
    await waitFor('both gates have read it', async () => (await looks()) >= before + 4);
    await redis.ask('DEL', stream);
    assert.equal((await ask(other, token)).status, 200);
    await revoke(one, ['--everything']);
    await waitFor('the other gate refuses', () => isOut(other, token), SOON);
  });
});

test('a store that lost everything is filled up again by whoever knows', async () => {
  await withTwo('', async (redis, one, other) => {
    const token = await issuer.vneid(NGUYEN);
    await revoke(one, ['--credential', 'sso-token']);
    await other.stop();
    await redis.ask('flushall');
    await waitFor('the first gate has added what it knows', async () => (await redis.ask('exists', 'vneid-gate:revocations:')).trim() === '1');
    assert.ok(Number(await redis.ask('ttl', 'vneid-gate:revocations:')) > 86_400, 'and not for ever');
    await other.startAgain();
    assert.ok(await isOut(other, token));
  });
});

for (const [how, lose, find] of [
  ['is killed', (redis) => redis.kill(), (redis) => redis.start()],
  ['says nothing', (redis) => redis.pause(), (redis) => redis.resume()],
]) {
  test(`while the store ${how}, tokens are not believed, no revocation passes for done, and nothing hangs`, async () => {
    await withTwo('', async (redis, gate, other) => {
      const token = await issuer.vneid(NGUYEN);
      assert.equal((await ask(gate, token)).status, 200);
      const open = await upgrade(gate.url, '/nop-ho-so/ws', headers(token));
      await lose(redis);
      await waitFor('the gate notices', async () => (await gate.readiness()).status === 503, { within: 3_000 });
      await waitFor('the list is too old', async () => (await ask(gate, token)).status === 503, { within: 1_500, every: 20 });
      portal.take();
      const began = Date.now();
      const answer = await ask(gate, token);
      assert.deepEqual([answer.status, answer.json().reason], [503, 'identity-unavailable']);
      assert.ok(Date.now() - began < 1_000);
      assert.deepEqual(portal.take(), [], 'nothing reached the portal');
      await open.ended; // after ten seconds
      await waitFor('the portal sees the WebSocket end', () => portal.tunnels.size === 0);
      await assert.rejects(revoke(gate, ['--everything']), /ended with 1/);

      await find(redis);
      await waitFor('the gate is ready again', async () => (await gate.readiness()).status === 200);
      assert.ok(await isOut(gate, token), 'here it holds all the same');
      await waitFor('the other gate learns of it', () => isOut(other, token));
    });
  });
}

test('with on_store_loss = "unbound" tokens are judged by who is known to be taken away', async () => {
  await withTwo('on_store_loss = "unbound"', async (redis, gate) => {
    const [hers, his] = [await issuer.vneid(NGUYEN), await issuer.vneid(TRAN)];
    await revoke(gate, ['--subject', NGUYEN]);
    await redis.kill();
    await waitFor('the gate notices', async () => (await gate.readiness()).status === 503, { within: 3_000 });
    await new Promise((later) => setTimeout(later, 1_100)); // until a gate that refuses would refuse
    assert.equal((await ask(gate, his)).status, 200);
    assert.ok(await isOut(gate, hers));
  });
});

test('nothing that somebody else puts into the store takes anybody away', async () => {
  await withTwo('', async (redis, one, other) => {
    const token = await issuer.vneid(NGUYEN);
    await revoke(one, ['--pseudonym', '0123456789abcdef']);
    // The seal of a true entry, under the name that stands for everybody.
    await redis.ask('eval', `
      local stream = 'vneid-gate:revocations:'
      local fields = redis.call('XRANGE', stream, '-', '+')[1][2]
      return redis.call('XADD', stream, '*', 'name', string.rep('\\0', 9), 'sealed', fields[4])`, '0');
    await revoke(one, ['--pseudonym', 'fedcba9876543210']);
    await waitFor('what came after it is known', async () => (await other.metrics()).sum('vneid_gate_revocations') === 2, SOON);
    for (const gate of [one, other]) assert.equal((await ask(gate, token)).status, 200);
  });
});
