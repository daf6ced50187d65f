import '../../../../../test/proxy/reflect-metadata.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as x509 from '@peculiar/x509'
import { ClientAuthority } from '../../../../../test/proxy/client-authority.ts'
import { Presented } from '../presented.ts'
import { spiffeSchema } from './spiffe-config.ts'
import { x509Svids } from './x509-svid.ts'

const config = spiffeSchema.parse({
  name: 'prod',
  trustDomain: 'example.org',
  bundle: { file: 'bundle.json' },
})
const { digitalSignature, keyCertSign, cRLSign } = x509.KeyUsageFlags

for (const [name, usage, fault] of [
  ['without a key usage', undefined, undefined],
  ['to sign what it says', digitalSignature, undefined],
  ['to sign certificates', digitalSignature | keyCertSign, 'certificate-authority'],
  ['to sign lists of what is taken back', cRLSign, 'certificate-authority'],
] as const) {
  for (const isCritical of usage === undefined ? [true] : [true, false]) {
    test(`the SVID of a key ${name}, critical: ${isCritical}: ${fault ?? 'taken'}`, async () => {
      const authority = await ClientAuthority.make()
      const extensions = usage === undefined ? [] : [new x509.KeyUsagesExtension(usage, isCritical)]
      const names = [{ type: 'url', value: 'spiffe://example.org/batch' }] as const
      const { x509: shown } = await authority.issue({ names: [...names], extensions })
      const found = await x509Svids(config).authenticate(
        new Presented({
          method: 'GET',
          url: () => 'https://gateway.example/',
          fields: [],
          hasBody: false,
          peer: {
            address: '192.0.2.1',
            certificate: {
              der: new Uint8Array(shown.rawData),
              isVerified: true,
              error: undefined,
              sha256: 'aa',
              trustDomain: 'prod',
            },
          },
          atUs: Date.parse(String(shown.notBefore)) * 1000 + 1e9,
        }),
      )
      assert.equal(found.known ? undefined : found.fault, fault)
    })
  }
}
