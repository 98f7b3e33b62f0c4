// Node 18, which Debian 12 ships, has Web Cryptography without the global name that the libraries ask for.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
