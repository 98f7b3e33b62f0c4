// Opaque sessions of a portal that logs people in through a real OpenID provider: does the gate learn from what passes
// through it how each session was born, and does nothing but a whole log-in count as one?
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { startGate } from './lib/gate.mjs';
import { Browser } from './lib/http.mjs';
import { citizenRules, everyoneRules, portalAt } from './lib/policy.mjs';
import { waitFor } from './lib/processes.mjs';
import { CALLBACK, LOGIN, PASSWORD, startPortal } from './lib/portal.mjs';
import { passLogIn, prepareRealm } from './lib/realm.mjs';

const CITIZEN = '001090000001';
const VNEID = 'sso.vneid.test';

const sessions = `
[[credential]]
name = "portal-session"
from = [{ cookie = "PHPSESSID" }]
[credential.session]
idle = "30m"
[[credential.login]]
name    = "vneid"
begins  = { location_host = ["${VNEID}"] }
request = { method = "GET", path = "${CALLBACK}", query = ["code", "state"] }
success = { status = [302], location = ["/"] }
is      = { account = "citizen", login = "vneid", level = 2 }
[[credential.login]]
name     = "password"
request  = { method = "POST", path = "${LOGIN}" }
username = { form = "username" }
success  = { status = [302], location = ["/"] }
is       = { login = "password", account_from = "username" }
[[credential.logout]]
request = { path = "/dang-xuat" }

[[username]]
matches = '^(\\d{12}|\\d{9}|(\\+84|0)\\d{9})$'
account = "citizen"
[[username]]
matches = '^[^@]+@daknong\\.gov\\.vn$'
account = "official"
`;

const logInRules = `
[[rule]]
name = "officials-from-their-network"
when = { account = "official", login = "password", client = ["127.0.0.0/8"] }
then = "forward"
[[rule]]
name = "citizen-password-attempt"
when = { account = ["citizen", "unknown"], login = "password", evidence = "attempt" }
then = "reject"
page = "use-vneid"
`;

const policy = (portal) => ({ 'policy.toml': portalAt(portal.address) + sessions + logInRules + citizenRules + everyoneRules });

let realm, portal, gate;
before(async () => {
  // The provider returns people to registered addresses only, and the gate's is not known before it runs: hence the order.
  const clients = [{
    client_id: 'portal', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'], redirect_uris: [],
  }];
  realm = await prepareRealm({ clients, host: VNEID });
  portal = await startPortal({ realm, client: 'portal', publicUrl: () => gate.url });
  gate = await startGate(policy(portal));
  clients[0].redirect_uris.push(gate.url + CALLBACK);
  await realm.start();
});
after(async () => {
  await gate?.stop();
  await portal?.stop();
  await realm?.stop();
});
beforeEach(() => portal.take());

/** A person at the provider's pages; resolves to the address that leads back to the portal, not yet asked for. */
async function atProvider(browser, how = { person: CITIZEN, proof: 'vneid' }) {
  return passLogIn(browser, `${gate.url}${LOGIN}/vneid`, { redirect: gate.url + CALLBACK, ...how });
}

async function loggedIn() {
  const browser = new Browser();
  const landed = await browser.go(await atProvider(browser));
  assert.equal(landed.status, 200);
  portal.take();
  return browser;
}

const filing = () => `${gate.url}/nop-ho-so/1`;
const logins = async () => (await gate.metrics()).by('vneid_gate_logins_total', 'result', { flow: 'vneid' });

async function assertSentToLogIn(browser) {
  const answer = await browser.once(filing());
  assert.equal(answer.status, 303, answer.body);
  assert.equal(new URL(answer.headers.location, gate.url).pathname, LOGIN);
  assert.ok(answer.headers['x-support-code']);
  assert.deepEqual(portal.requests, [], 'a refused request reached the portal');
}

test('a session born of a whole VNeID log-in may file, and the portal is told how it was born', async () => {
  const browser = await loggedIn();
  for (const method of ['GET', 'POST']) {
    const answer = await browser.once(filing(), { method, fields: method === 'POST' ? { noi_dung: 'Hồ sơ' } : undefined });
    assert.equal(answer.status, 200, answer.body);
    const [seen] = portal.take();
    assert.equal(seen.headers['x-gate-account'], 'citizen');
    assert.equal(seen.headers['x-gate-login'], 'vneid');
    assert.equal(seen.headers['x-gate-level'], '2');
  }
});

test('a visitor without a session is sent to the log-in', async () => {
  await assertSentToLogIn(new Browser());
});

test('a session that the gate did not see being born does not count, whatever the portal thinks of it', async () => {
  const browser = new Browser();
  portal.sessions.set('0123456789abcdef0123456789abcdef', { person: CITIZEN });
  browser.setCookie(gate.url, 'PHPSESSID', '0123456789abcdef0123456789abcdef');
  await assertSentToLogIn(browser);
});

test('the session that the visitor had before the log-in does not count after it', async () => {
  const browser = new Browser();
  const back = await atProvider(browser);
  const guest = browser.cookie(gate.url, 'PHPSESSID');
  await browser.go(back);
  assert.notEqual(browser.cookie(gate.url, 'PHPSESSID'), guest);
  portal.take();
  const stale = new Browser();
  stale.setCookie(gate.url, 'PHPSESSID', guest);
  await assertSentToLogIn(stale);
});

test('a callback that this session did not begin lets nobody in', async () => {
  const before = await logins();
  const attacker = new Browser();
  const back = await atProvider(attacker);
  const victim = new Browser();
  await victim.go(`${gate.url}/`);
  await victim.go(back);
  portal.take();
  await assertSentToLogIn(victim);
  const after = await logins();
  assert.equal(after.bound, before.bound);
  assert.equal(after.unsolicited, before.unsolicited + 1);
});

test('a callback with another state than the log-in began with lets nobody in', async () => {
  const browser = new Browser();
  const back = await atProvider(browser);
  back.searchParams.set('state', 'another-state');
  await browser.go(back);
  portal.take();
  await assertSentToLogIn(browser);
});

test('a log-in that the person cancels lets nobody in', async () => {
  const browser = new Browser();
  const back = await atProvider(browser, { cancel: true });
  assert.equal(back.searchParams.get('error'), 'access_denied');
  await browser.go(back);
  portal.take();
  await assertSentToLogIn(browser);
});

test('after the log-out the session does not count any more', async () => {
  const browser = await loggedIn();
  const session = browser.cookie(gate.url, 'PHPSESSID');
  assert.equal((await browser.once(`${gate.url}/dang-xuat`)).status, 302);
  portal.take();
  const stale = new Browser();
  stale.setCookie(gate.url, 'PHPSESSID', session);
  await assertSentToLogIn(stale);
});

test("a citizen's password attempt is turned away before the portal sees the password", async () => {
  for (const username of [CITIZEN, '0912345678', ' 001090000001 ', '００１０９００００００１', 'nguyen.van.an']) {
    const browser = new Browser();
    const answer = await browser.once(gate.url + LOGIN, { method: 'POST', fields: { username, password: PASSWORD } });
    assert.equal(answer.status, 403, `${username}: ${answer.body}`);
    assert.match(answer.headers['content-type'], /^text\/html/);
    assert.ok(answer.body.includes(answer.headers['x-support-code']));
    assert.deepEqual(portal.requests, [], `${username}: the password reached the portal`);
  }
});

test("an official's password session is known as such", async () => {
  const browser = new Browser();
  const fields = { username: 'canbo.mot@daknong.gov.vn', password: PASSWORD };
  assert.equal((await browser.once(gate.url + LOGIN, { method: 'POST', fields })).status, 302);
  portal.take();
  assert.equal((await browser.once(filing())).status, 200);
  const [seen] = portal.take();
  assert.equal(seen.headers['x-gate-account'], 'official');
  assert.equal(seen.headers['x-gate-login'], 'password');
});

test('the ledger counts the sessions that it holds', async () => {
  const held = (await gate.metrics()).sum('vneid_gate_ledger_sessions');
  await loggedIn();
  await waitFor('one more session is held', async () => (await gate.metrics()).sum('vneid_gate_ledger_sessions') === held + 1);
});
