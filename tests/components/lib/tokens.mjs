// Tokens of an issuer that has no server: keys made on the spot, published as a key set file in the policy directory. Knows
// nothing of the gate but the shape of the portal's tokens.
import './older_node.mjs';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { citizenRules, everyoneRules, portalAt, tokens } from './policy.mjs';

export const ISSUER = 'https://sso.portal.test/auth/realms/portal';

/** @returns {Promise<{jwks: string, vneid, password, expired}>} each of the last three mints a token for a subject */
export async function prepareIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256', use: 'sig', kid: 'es256-1' };
  const mint = (subject, claims, { from = 0, to = 3600 } = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return new SignJWT({ typ: 'Bearer', azp: 'web-portal', preferred_username: subject, ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: jwk.kid })
      .setIssuer(ISSUER).setSubject(subject).setAudience('account')
      .setIssuedAt(now + from).setExpirationTime(now + to)
      .sign(privateKey);
  };
  const vneid = { identity_provider: 'vneid', vneid_level: 2 };
  return {
    jwks: JSON.stringify({ keys: [jwk] }),
    vneid: (subject) => mint(subject, vneid),
    password: (subject) => mint(subject, {}),
    expired: (subject) => mint(subject, vneid, { from: -7200, to: -3600 }),
  };
}

/** The policy that goes with these tokens, in front of one back end. */
export const tokenPolicy = (issuer, address) => ({
  'jwks.json': issuer.jwks,
  'policy.toml': portalAt(address)
    + tokens({ issuer: ISSUER, parties: ['web-portal'], keys: 'jwks_file = "jwks.json"' }) + citizenRules + everyoneRules,
});
