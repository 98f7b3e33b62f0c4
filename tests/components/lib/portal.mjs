// A portal as the province's looks from outside: opaque PHP-like sessions, VNeID through the code flow on the server's side, a
// password form beside it. The portal itself does not tell the two kinds of session apart. Knows nothing of the gate.
import { randomBytes } from 'node:crypto';
import { cookiesOf } from './http.mjs';
import { startOrigin } from './origin.mjs';
import { askForTokens, authorizationUrl, pkce } from './realm.mjs';
import { decodeJwt } from 'jose';

export const LOGIN = '/dang-nhap';
export const CALLBACK = '/dang-nhap/vneid/callback';
export const PASSWORD = 'matkhau-thu';

/**
 * Starts the portal. `publicUrl()` is the address under which browsers see it, asked for at each log-in.
 * `sessions` maps a cookie's value to what the portal knows of it.
 */
export async function startPortal({ realm, client, publicUrl }) {
  const sessions = new Map();
  const begin = (facts) => {
    const id = randomBytes(16).toString('hex');
    sessions.set(id, facts);
    return id;
  };
  const redirect = (response, location, cookie) => {
    response.writeHead(302, { location, ...(cookie ? { 'set-cookie': cookie } : {}) }).end();
  };
  const cookie = (id) => `PHPSESSID=${id}; Path=/; HttpOnly; SameSite=Lax`;

  const portal = await startOrigin(async (seen, response) => {
    const url = new URL(seen.url, 'http://portal.test');
    const id = cookiesOf(seen).PHPSESSID;
    const session = sessions.get(id);
    const page = (text) => response.setHeader('content-type', 'text/html; charset=utf-8').end(`<!doctype html><p>${text}</p>`);

    if (url.pathname === LOGIN && seen.method === 'POST') {
      const fields = new URLSearchParams(seen.body);
      if (fields.get('password') !== PASSWORD) return redirect(response, `${LOGIN}?sai=1`);
      return redirect(response, '/', cookie(begin({ person: fields.get('username') })));
    }
    if (url.pathname === LOGIN) return page('Đăng nhập');
    if (url.pathname === '/dang-nhap/vneid') {
      const { verifier, challenge } = pkce();
      const state = randomBytes(12).toString('hex');
      const guest = begin({ state, verifier });
      const to = authorizationUrl(realm, { client, redirect: publicUrl() + CALLBACK, challenge, state });
      return redirect(response, to, cookie(guest));
    }
    if (url.pathname === CALLBACK) {
      const code = url.searchParams.get('code');
      if (!code || !session?.state || session.state !== url.searchParams.get('state')) return redirect(response, `${LOGIN}?loi=1`);
      const tokens = await askForTokens(realm, {
        grant_type: 'authorization_code', client_id: client, redirect_uri: publicUrl() + CALLBACK, code, code_verifier: session.verifier,
      });
      sessions.delete(id);
      return redirect(response, '/', cookie(begin({ person: decodeJwt(tokens.id_token).preferred_username })));
    }
    if (url.pathname === '/dang-xuat') {
      sessions.delete(id);
      return redirect(response, '/', 'PHPSESSID=; Path=/; Max-Age=0');
    }
    if (url.pathname.startsWith('/nop-ho-so')) return session?.person ? page(`Hồ sơ của ${session.person}`) : redirect(response, LOGIN);
    return page('Trang chủ');
  });
  return { ...portal, sessions };
}
