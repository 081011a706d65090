// Made other-algorithms.json, once: `node other-algorithms.js > other-algorithms.json`. Tokens of an identity provider in the
// algorithms that Backstage does not sign with, good until 2100, by keys that nobody has any more. `tests/it/auth` serves
// the keys and sends the tokens.
const crypto = require('node:crypto');
const b64 = x => Buffer.from(x).toString('base64url');
const until = 4102444800;
function sign(alg, key, kid, claims) {
  const input = b64(JSON.stringify({typ: 'JWT', alg, kid})) + '.' + b64(JSON.stringify(claims));
  const hash = 'sha' + alg.slice(2);
  let signature;
  if (alg.startsWith('RS')) signature = crypto.sign(hash, input, key);
  else if (alg.startsWith('PS')) signature = crypto.sign(hash, input, {key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST});
  else if (alg.startsWith('ES')) signature = crypto.sign(hash, input, {key, dsaEncoding: 'ieee-p1363'});
  else signature = crypto.sign(null, Buffer.from(input), key);
  return input + '.' + b64(signature);
}
const rsa = crypto.generateKeyPairSync('rsa', {modulusLength: 2048});
const weak = crypto.generateKeyPairSync('rsa', {modulusLength: 1024});
const p256 = crypto.generateKeyPairSync('ec', {namedCurve: 'P-256'});
const p384 = crypto.generateKeyPairSync('ec', {namedCurve: 'P-384'});
const ed = crypto.generateKeyPairSync('ed25519');
const jwk = (pair, kid, more = {}) => ({...pair.publicKey.export({format: 'jwk'}), kid, ...more});
const claims = {sub: 'job', iat: 1704067200, exp: until};
const keys = [
  jwk(rsa, 'rsa'),
  jwk(rsa, 'rsa-rs256', {alg: 'RS256', use: 'sig'}),
  jwk(rsa, 'rsa-enc', {use: 'enc'}),
  jwk(weak, 'rsa-1024'),
  jwk(p256, 'p256'),
  jwk(p384, 'p384', {alg: 'ES384', use: 'sig', key_ops: ['verify']}),
  jwk(ed, 'ed25519', {alg: 'EdDSA'}),
  {kty: 'oct', kid: 'oct', alg: 'HS256', k: b64('a secret that both sides know, and everybody else')},
];
const good = [], refused = [];
for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']) good.push({what: `${alg}, a key without alg`, alg, token: sign(alg, rsa.privateKey, 'rsa', claims)});
good.push({what: 'RS256, a key for it', alg: 'RS256', token: sign('RS256', rsa.privateKey, 'rsa-rs256', claims)});
good.push({what: 'ES256, a key without alg', alg: 'ES256', token: sign('ES256', p256.privateKey, 'p256', claims)});
good.push({what: 'ES384, a key for it', alg: 'ES384', token: sign('ES384', p384.privateKey, 'p384', claims)});
good.push({what: 'EdDSA, a key for it', alg: 'EdDSA', token: sign('EdDSA', ed.privateKey, 'ed25519', claims)});
refused.push({what: 'PS256, a key for RS256', token: sign('PS256', rsa.privateKey, 'rsa-rs256', claims)});
refused.push({what: 'RS512, a key for RS256', token: sign('RS512', rsa.privateKey, 'rsa-rs256', claims)});
refused.push({what: 'RS256, a key for encryption', token: sign('RS256', rsa.privateKey, 'rsa-enc', claims)});
refused.push({what: 'RS256, a key of 1024 bits', token: sign('RS256', weak.privateKey, 'rsa-1024', claims)});
refused.push({what: 'RS256, the kid of a key on P-256', token: sign('RS256', rsa.privateKey, 'p256', claims)});
refused.push({what: 'ES256, the kid of an RSA key', token: sign('ES256', p256.privateKey, 'rsa', claims)});
refused.push({what: 'ES256, the kid of a key on P-384', token: sign('ES256', p256.privateKey, 'p384', claims)});
{
  const input = b64(JSON.stringify({typ: 'JWT', alg: 'HS256', kid: 'oct'})) + '.' + b64(JSON.stringify(claims));
  refused.push({what: 'HS256, a secret in the set', token: input + '.' + crypto.createHmac('sha256', Buffer.from('a secret that both sides know, and everybody else')).update(input).digest('base64url')});
}
const first = good[0].token.split('.');
refused.push({what: 'RS256, another signature', token: first[0] + '.' + first[1] + '.' + good[6].token.split('.')[2]});
console.log(JSON.stringify({keys, good, refused}, null, 1));
