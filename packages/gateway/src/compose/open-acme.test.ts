import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeafIndex } from '@countersign/tlog'
import { need } from '../../../../test/needs.ts'
import { makeAuthority } from '../../../../test/proxy/certificates.ts'
import { acmeSchema, CertificateStore } from '../acme/index.ts'
import type { Config } from '../config/index.ts'
import { SeededRandom, SimulatedClock, SimulatedDisk } from '../platform/index.ts'
import { type AcmeNeeds, ObtainedCertificates } from './open-acme.ts'
import { operationalLog } from './operational-log.ts'

const skip = need('openssl', { command: 'openssl', install: 'apt-get install openssl' })
const NAMES = ['first', 'second'] as const

test('of listeners that cannot all be recorded none counts as opened', { skip }, async () => {
  const disk = new SimulatedDisk()
  const store = new CertificateStore(disk, '/data/acme')
  const authority = makeAuthority()
  for (const name of NAMES) await store.keepCertificate(name, authority.issue([`${name}.example`]))
  authority.remove()
  const acts: string[] = []
  let actsMax = 1
  const act: AcmeNeeds['recorder']['act'] = async (_kind, facts) => {
    if (acts.length === actsMax) throw new Error('ledger-unavailable')
    acts.push(String(Reflect.get(facts, 'listener')))
    return { epoch: 1, index: acts.length as LeafIndex, leaf: new Uint8Array(33) }
  }
  const machine = {
    disk,
    clock: new SimulatedClock({ startUs: Date.now() * 1000 }),
    random: new SeededRandom(1),
    environment: {},
  }
  const log = operationalLog('silent')
  const telemetry = { certificateOrdered: () => undefined }
  const obtained = new ObtainedCertificates(machine, { recorder: { act }, log, telemetry })
  const listeners = NAMES.map((name) => {
    const domains = [`${name}.example`]
    const common = { directory: 'https://ca.example/dir', termsOfServiceAgreed: true }
    return { name, tls: { acme: acmeSchema.parse({ ...common, domains }) } }
  })
  const config = { data: '/data', listeners } as unknown as Config
  await assert.rejects(obtained.ready(config), /ledger-unavailable/)
  assert.deepEqual(acts, ['first'])

  actsMax = 3
  const ready = await obtained.ready(config)
  assert.deepEqual(acts, ['first', ...NAMES], 'each is opened anew, and told')
  ready.apply()
  await obtained.close()
})
