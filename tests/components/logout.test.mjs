// A person logs out at a real OpenID provider, which posts it to the gate (OpenID Connect Back-Channel Logout 1.0): are the
// tokens of that log-in refused from the next request on, and no others? Every token here was issued by the provider.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { Browser, form, request } from './lib/http.mjs';
import { startGate } from './lib/gate.mjs';
import { startOrigin } from './lib/origin.mjs';
import { citizenRules, everyoneRules, portalAt, tokens } from './lib/policy.mjs';
import { waitFor } from './lib/processes.mjs';
import { logIn, logOut, prepareRealm } from './lib/realm.mjs';

const CITIZEN = '001090000001';
const REDIRECT = 'http://portal.test/xac-thuc';
const DOOR = '/.vneid-gate/logout';
/** A look at the keys is not taken sooner after the last one. */
const COOL_DOWN_S = 10;
const client = {
  client_id: 'web-portal', redirect_uris: [REDIRECT], token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], backchannel_logout_session_required: true,
};

let realm, origin, gate;
before(async () => {
  realm = await prepareRealm({ clients: [client] });
  origin = await startOrigin();
  const keys = `jwks_url = "${realm.jwksUrl}"\nlogout = { path = "${DOOR}", audience = ["web-portal"] }`;
  const credential = tokens({ issuer: realm.issuer, parties: ['web-portal'], keys });
  const policy = { 'policy.toml': portalAt(origin.address) + credential + citizenRules + everyoneRules };
  gate = await startGate(policy, { ready: false, state: 'store = "embedded"\npath = "state"' });
  // Only now it is known where the gate is.
  client.backchannel_logout_uri = gate.url + DOOR;
  await realm.start();
  await ready();
});
after(async () => {
  await gate?.stop();
  await origin?.stop();
  await realm?.stop();
});
beforeEach(() => {
  origin.take();
  realm.postedLogOuts.length = 0;
});

const ready = () =>
  waitFor('the gate is ready', async () => (await gate.readiness()).status === 200, { program: gate.program, within: 60_000 });

async function person() {
  const browser = new Browser();
  const issued = await logIn(realm, { client: 'web-portal', redirect: REDIRECT, person: CITIZEN, proof: 'vneid', browser });
  return { browser, token: issued.access_token, idToken: issued.id_token };
}

const ask = (token, path = '/nop-ho-so/1') =>
  request(gate.url, path, { headers: { authorization: `Bearer ${token}`, accept: 'application/json' } });
const post = (token) => {
  const filled = form({ logout_token: token });
  return request(gate.url, DOOR, { method: 'POST', headers: filled.type, body: filled.body });
};

async function assertOut(token) {
  origin.take();
  const answer = await ask(token);
  assert.equal(answer.status, 401, answer.body);
  assert.equal(answer.json().reason, 'credential-revoked');
  assert.deepEqual(origin.requests, [], 'a refused request reached the origin');
}

test('whoever logs out at the provider is out here on the next request, and in again after a fresh log-in', async () => {
  const [here, elsewhere] = [await person(), await person()];
  assert.equal((await ask(here.token)).status, 200);
  assert.equal((await ask(elsewhere.token)).status, 200);

  await logOut(here.browser, realm, here.idToken);
  assert.deepEqual(realm.postedLogOuts, ['ok']);
  await assertOut(here.token);
  assert.equal((await ask(here.token, '/tra-cuu-ho-so/1')).status, 200, 'public pages stay open');
  assert.equal(origin.take()[0].headers.authorization, undefined, 'and do not get the token');
  assert.equal((await ask(elsewhere.token)).status, 200, 'the log-in of the same person in another browser stays');

  const again = await person();
  assert.equal((await ask(again.token)).status, 200);
  assert.equal((await gate.metrics()).sum('vneid_gate_backchannel_logouts_total', { result: 'log_in' }), 1);
});

test('a log-out outlives the process that took it', async () => {
  const citizen = await person();
  assert.equal((await ask(citizen.token)).status, 200);
  await logOut(citizen.browser, realm, citizen.idToken);
  await gate.stop({ signal: 'SIGKILL' });
  await gate.startAgain();
  await ready();
  await assertOut(citizen.token);
});

test('neither an ID token nor an access token ends anything', async () => {
  const citizen = await person();
  for (const [name, token] of Object.entries({ 'ID token': citizen.idToken, 'access token': citizen.token })) {
    const answer = await post(token);
    assert.equal(answer.status, 400, `${name}: ${answer.body}`);
    assert.equal(answer.json().error, 'invalid_request');
  }
  assert.equal((await ask(citizen.token)).status, 200);
});

test('a log-out that is signed by a key of this very moment is taken', async () => {
  const fetchedAt = async () => (await gate.metrics()).sum('vneid_gate_jwks_last_success_timestamp_seconds', {});
  await waitFor('the last look at the keys is over', async () => Date.now() / 1000 - (await fetchedAt()) > COOL_DOWN_S + 1, { within: 60_000 });
  await realm.rotate(2);
  const citizen = await person();
  await logOut(citizen.browser, realm, citizen.idToken);
  assert.deepEqual(realm.postedLogOuts, ['ok']);
  await assertOut(citizen.token);
});
