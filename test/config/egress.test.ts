import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../../packages/gateway/src/config/index.ts'

const EXAMPLE = readFileSync(join(import.meta.dirname, '../../examples/egress.yaml'), 'utf8')

test('the example of egress is a configuration, with paths beside its file', () => {
  const text = `${EXAMPLE}
version: 1
identity: { keysFile: keys.yaml }
policies: { directory: policies }
listeners: [{ name: main, port: 0 }]
`
  const { upstreams } = parseConfig('/etc/gateway.yaml', new TextEncoder().encode(text))
  assert.deepEqual(upstreams.payments?.egress?.credential?.secret, {
    file: '/etc/secrets/payments-live',
  })
  assert.equal(upstreams['ledger-partner']?.authority, '/etc/tls/partner-ca.pem')
})
