// What the libraries take for granted and Node 18, which Debian 12 ships, does not have under that name yet.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
