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
const NO_CERTIFICATE = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

interface Rig {
  readonly store: CertificateStore
  readonly obtained: ObtainedCertificates
  readonly config: Config
  readonly acts: string[]
  actsMax: number
}

function rig(): Rig {
  const disk = new SimulatedDisk()
  const acts: string[] = []
  const act: AcmeNeeds['recorder']['act'] = async (_kind, facts) => {
    if (acts.length === opened.actsMax) throw new Error('ledger-unavailable')
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
  const listeners = NAMES.map((name) => {
    const domains = [`${name}.example`]
    const common = { directory: 'https://ca.example/dir', termsOfServiceAgreed: true }
    return { name, tls: { acme: acmeSchema.parse({ ...common, domains }), isObtained: true } }
  })
  const opened: Rig = {
    store: new CertificateStore(disk, '/data/acme'),
    obtained: new ObtainedCertificates(machine, { recorder: { act }, log, telemetry }),
    config: { data: '/data', listeners } as unknown as Config,
    acts,
    actsMax: NAMES.length,
  }
  return opened
}

test('of listeners that cannot all be recorded none counts as opened', { skip }, async () => {
  const opened = rig()
  const { store, obtained, config, acts } = opened
  const authority = makeAuthority()
  for (const name of NAMES) await store.keepCertificate(name, authority.issue([`${name}.example`]))
  authority.remove()
  opened.actsMax = 1
  await assert.rejects(obtained.ready(config), /ledger-unavailable/)
  assert.deepEqual(acts, ['first'])

  opened.actsMax = 3
  const ready = await obtained.ready(config)
  assert.deepEqual(acts, ['first', ...NAMES], 'each is opened anew, and told')
  ready.apply()
  await obtained.close()
})

test('a certificate that was kept with a chain that is none is not shown', { skip }, async () => {
  const { store, obtained, config, acts } = rig()
  const authority = makeAuthority()
  for (const [nth, name] of NAMES.entries()) {
    const { certificate, key } = authority.issue([`${name}.example`])
    const chain = nth === 0 ? `${certificate}${NO_CERTIFICATE}` : certificate
    await store.keepCertificate(name, { certificate: chain, key })
  }
  authority.remove()
  await obtained.ready(config)
  assert.deepEqual(acts, ['second'])
  const shown = config.listeners.map((listener) => obtained.fill(listener).tls?.certificate)
  assert.equal(shown[0], undefined)
  assert.match(String(shown[1]), /BEGIN CERTIFICATE/)
  await obtained.close()
})
