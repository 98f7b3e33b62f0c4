// Tokens of a real OpenID provider, from the person's log-in to the portal: does the gate let in whom the realm's token
// proves to be a VNeID citizen, and nobody else? Every token here was issued by the provider, none was written by hand.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { request } from './lib/http.mjs';
import { startGate } from './lib/gate.mjs';
import { startOrigin } from './lib/origin.mjs';
import { citizenRules, everyoneRules, portalAt, tokens } from './lib/policy.mjs';
import { waitFor } from './lib/processes.mjs';
import { askForTokens, logIn, prepareRealm } from './lib/realm.mjs';

const CITIZEN = '001090000001';
const CITIZEN_LEVEL_1 = '001090000002';
const SERVICE_SECRET = 'synthetic-client-secret-0123456789abcdef';
const REDIRECT = 'http://portal.test/xac-thuc';
const spa = (name, more = {}) => ({
  client_id: name, redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], ...more,
});
const clients = [
  spa('web-portal'),
  spa('web-portal-es256', { x_alg: 'ES256' }),
  spa('web-portal-brief', { x_ttl_s: 1 }),
  spa('web-statistics'),
  { client_id: 'public-pages', client_secret: SERVICE_SECRET, redirect_uris: [], grant_types: ['client_credentials'], response_types: [] },
];

const policy = (realm, origin, keys = `jwks_url = "${realm.jwksUrl}"`) => {
  const parties = ['web-portal', 'web-portal-es256', 'web-portal-brief', 'public-pages'];
  return { 'policy.toml': portalAt(origin.address) + tokens({ issuer: realm.issuer, parties, keys }) + citizenRules + everyoneRules };
};

let realm, origin, gate;
before(async () => {
  realm = await prepareRealm({ clients });
  await realm.start();
  origin = await startOrigin();
  gate = await startGate(policy(realm, origin));
});
after(async () => {
  await gate?.stop();
  await origin?.stop();
  await realm?.stop();
});
beforeEach(() => origin.take());

const tokensOf = (how) => logIn(realm, { client: 'web-portal', redirect: REDIRECT, person: CITIZEN, ...how });
const ask = (token, path = '/nop-ho-so/1', at = gate) =>
  request(at.url, path, { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });
const checks = async (result, at = gate) =>
  (await at.metrics()).sum('vneid_gate_credential_checks_total', { credential: 'sso-token', result });
/** An answer may be read before it is counted, hence the wait. */
const assertChecks = (result, count, at = gate) =>
  waitFor(`${count} checks or more counted as ${result}`, async () => (await checks(result, at)) >= count, { within: 10_000 });

/** A refusal as a program gets it: a problem document, one support code, and silence at the origin. */
function assertRefused(answer, status, reason) {
  assert.equal(answer.status, status, answer.body);
  assert.match(answer.headers['content-type'], /^application\/problem\+json\b/);
  const problem = answer.json();
  assert.equal(problem.status, status);
  assert.equal(problem.reason, reason);
  assert.equal(problem.support_code, answer.headers['x-support-code']);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.equal(answer.headers.location, undefined);
  if (status === 401) assert.match(answer.headers['www-authenticate'], /^Bearer\b/);
  assert.deepEqual(origin.requests, [], 'a refused request reached the origin');
}

/** Refused for this reason, and counted under exactly this result of the credential check. */
async function assertCheckedAs(result, token, reason = 'credential-invalid') {
  const counted = await checks(result);
  assertRefused(await ask(token), 401, reason);
  await assertChecks(result, counted + 1);
}

for (const client of ['web-portal', 'web-portal-es256']) {
  test(`a citizen's VNeID level 2 token for ${client} is forwarded and the origin is told who it is`, async () => {
    const { access_token: token } = await tokensOf({ client, proof: 'vneid' });
    const answer = await ask(token);
    assert.equal(answer.status, 200, answer.body);
    const [seen] = origin.take();
    assert.equal(seen.headers['x-gate-account'], 'citizen');
    assert.equal(seen.headers['x-gate-login'], 'vneid');
    assert.equal(seen.headers['x-gate-level'], '2');
    assert.equal(seen.headers['x-gate-subject'], CITIZEN);
    assert.ok(seen.headers['x-request-id']);
    assert.equal(seen.headers.authorization, `Bearer ${token}`);
  });
}

test("a token in the application's cookie counts like one in the header", async () => {
  const { access_token: token } = await tokensOf({ proof: 'vneid' });
  const answer = await request(gate.url, '/nop-ho-so', { headers: { cookie: `lang=vi; access_token=${token}`, accept: 'application/json' } });
  assert.equal(answer.status, 200, answer.body);
  assert.equal(origin.take()[0].headers['x-gate-login'], 'vneid');
});

test("the same person's password token is refused, on public pages too", async () => {
  const { access_token: token } = await tokensOf({ proof: 'password' });
  assertRefused(await ask(token), 403, 'password-session');
  assertRefused(await ask(token, '/tra-cuu-ho-so/1'), 403, 'password-session');
});

test('a VNeID token of level 1 is refused for filing and may read public pages', async () => {
  const { access_token: token } = await tokensOf({ person: CITIZEN_LEVEL_1, proof: 'vneid' });
  assertRefused(await ask(token), 403, 'level-too-low');
  assert.equal((await ask(token, '/tra-cuu-ho-so/1')).status, 200);
  assert.equal(origin.take()[0].headers['x-gate-level'], '1');
});

test('a refreshed token keeps how its session was born', async () => {
  for (const [proof, status] of [['vneid', 200], ['password', 403]]) {
    const first = await tokensOf({ proof });
    const second = await askForTokens(realm, { grant_type: 'refresh_token', client_id: 'web-portal', refresh_token: first.refresh_token });
    assert.notEqual(second.access_token, first.access_token);
    const answer = await ask(second.access_token);
    assert.equal(answer.status, status, answer.body);
    assert.equal(origin.take().length, status === 200 ? 1 : 0);
  }
});

test("the application's own token reads public pages and files nothing", async () => {
  const { access_token: token } = await askForTokens(realm, {
    grant_type: 'client_credentials', client_id: 'public-pages', client_secret: SERVICE_SECRET,
  });
  assertRefused(await ask(token), 401, 'not-permitted');
  assert.equal((await ask(token, '/')).status, 200);
  const [seen] = origin.take();
  assert.equal(seen.headers['x-gate-account'], 'service');
  assert.equal(seen.headers['x-gate-login'], 'client-credentials');
});

test('an expired token is refused', async () => {
  const { access_token: token } = await tokensOf({ client: 'web-portal-brief', proof: 'vneid' });
  await waitFor('the token expires', async () => (await ask(token)).status !== 200);
  origin.take();
  await assertCheckedAs('expired', token, 'credential-expired');
});

test('a token for another audience is refused', async () => {
  const { access_token: token } = await tokensOf({ proof: 'vneid', resource: 'urn:statistics:api' });
  await assertCheckedAs('audience', token);
});

test('a token of another client of the realm is refused', async () => {
  const { access_token: token } = await tokensOf({ client: 'web-statistics', proof: 'vneid' });
  await assertCheckedAs('party', token);
});

test('an ID token is no access token', async () => {
  const { id_token: token } = await tokensOf({ proof: 'vneid' });
  await assertCheckedAs('audience', token);
});

test('a refresh token is no access token', async () => {
  const { refresh_token: token } = await tokensOf({ proof: 'vneid' });
  assertRefused(await ask(token), 401, 'credential-invalid');
});

test('a token that does not count is taken off before a public page is served', async () => {
  const { id_token: token } = await tokensOf({ proof: 'vneid' });
  assert.equal((await ask(token, '/')).status, 200);
  const [seen] = origin.take();
  assert.equal(seen.headers.authorization, undefined);
  assert.equal(seen.headers['x-gate-account'], 'anonymous');
});

test('identity headers that a client sends never reach the origin', async () => {
  const { access_token: token } = await tokensOf({ person: CITIZEN_LEVEL_1, proof: 'vneid' });
  const forged = { 'X-Gate-Level': '3', X_Gate_Level: '3', 'X.Gate.Level': '3', 'x-gate-subject': 'somebody-else' };
  await request(gate.url, '/tra-cuu-ho-so/1', { headers: { authorization: `Bearer ${token}`, ...forged } });
  const [seen] = origin.take();
  const levels = Object.entries(seen.headers).filter(([name]) => /^x.gate.level$/i.test(name));
  assert.deepEqual(levels, [['x-gate-level', '1']]);
  assert.equal(seen.headers['x-gate-subject'], CITIZEN_LEVEL_1);
});

test('new keys of the provider are fetched when a token names one, and the old ones stop to count', async () => {
  const old = await tokensOf({ proof: 'vneid' });
  assert.equal((await ask(old.access_token)).status, 200);
  await realm.rotate(2);
  const fresh = await tokensOf({ proof: 'vneid' });
  await waitFor('the new key counts', async () => (await ask(fresh.access_token)).status === 200, { every: 250, within: 60_000 });
  origin.take();
  assertRefused(await ask(old.access_token), 401, 'credential-invalid');
});

test('a provider that is down at the start leaves the gate shut and unready, and opens it when it is back', async () => {
  const late = await prepareRealm({ clients });
  await late.start();
  const how = { client: 'web-portal', redirect: REDIRECT, person: CITIZEN, proof: 'vneid' };
  const { access_token: token } = await logIn(late, how);
  await late.stop();
  const shut = await startGate(policy(late, origin, 'discovery = true'), { ready: false });
  try {
    assert.equal((await shut.readiness()).status, 503);
    const refused = await ask(token, '/nop-ho-so/1', shut);
    assert.ok([401, 503].includes(refused.status), `${refused.status}: ${refused.body}`);
    assertRefused(refused, refused.status, 'identity-unavailable');
    await assertChecks('unavailable', 1, shut);
    assert.equal((await ask(token, '/', shut)).status, 200, 'public pages stay open');
    assert.equal(origin.take()[0].headers.authorization, undefined);

    await late.start();
    await waitFor('the gate is ready', async () => (await shut.readiness()).status === 200, { program: shut.program, within: 90_000 });
    assert.equal((await ask(token, '/nop-ho-so/1', shut)).status, 200);
    assert.equal(origin.take()[0].headers['x-gate-login'], 'vneid');
  } finally {
    await shut.stop();
    await late.stop();
  }
});

test('neither log nor metrics hold a token or an identity number', async () => {
  const { readFileSync } = await import('node:fs');
  const { access_token: token } = await tokensOf({ proof: 'vneid' });
  const answer = await request(gate.url, `/nop-ho-so/${CITIZEN}?cccd=${CITIZEN}`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  const id = origin.take()[0].headers['x-request-id'];
  const line = await waitFor('the audit line', () =>
    readFileSync(`${gate.folder}/audit.jsonl`, 'utf8').split('\n').filter(Boolean).find((text) => text.includes('/nop-ho-so/') && text.includes('"citizen-vneid"')));
  assert.ok(id && JSON.parse(line));
  const audit = readFileSync(`${gate.folder}/audit.jsonl`, 'utf8');
  const metrics = (await request(gate.admin, '/metrics')).body;
  for (const [where, text] of Object.entries({ audit, metrics, log: gate.program.output })) {
    assert.ok(!text.includes(token) && !text.includes(token.split('.')[2]), `a token stands in the ${where}`);
    assert.ok(!text.includes(CITIZEN), `an identity number stands in the ${where}`);
  }
});
