// What testssl.sh (Debian) finds in a handshake with the gateway: nothing at LOW or above but what
// no private authority and no API proxy can have, each with its reason.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { need } from '../needs.ts'
import { makeAuthority } from '../proxy/certificates.ts'
import { startGateway } from '../proxy/gateway.ts'
import { startUpstream } from '../proxy/upstream.ts'

const skip = need('testssl.sh', { command: 'testssl', install: 'apt-get install testssl.sh' })
const SCAN_MS_MAX = 600_000

interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

const SEVERE = new Set(['LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'FATAL'])

const REASONS: Readonly<Record<string, string>> = {
  cert_revocation: 'the authority of a test has no revocation service to point to',
  DNS_CAArecord: 'localhost is in no zone',
  HSTS: 'a policy of the site behind the proxy, which passes the field of the upstream',
}

test('testssl.sh finds nothing that could be otherwise', { skip }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'testssl-'))
  const authority = makeAuthority()
  const upstream = await startUpstream()
  const certificate = authority.issue(['localhost', '127.0.0.1'], 90)
  const gateway = await startGateway({ upstream: upstream.url, certificate })
  t.after(async () => {
    await gateway.close()
    await upstream.close()
    authority.remove()
    rmSync(directory, { recursive: true })
  })
  const findings = await scan(gateway.tlsPort, authority.pem, directory)
  assert.ok(findings.length > 100, 'the scan was whole')
  const offered = findings.filter(({ id }) => id === 'TLS1_2' || id === 'TLS1_3')
  assert.deepEqual(
    offered.map(({ severity }) => severity),
    ['OK', 'OK'],
  )
  const severe = findings.filter(({ severity }) => SEVERE.has(severity))
  const unexplained = severe.filter(({ id }) => !Object.hasOwn(REASONS, id))
  assert.deepEqual(unexplained, [])
  process.stdout.write(`testssl.sh: ${findings.length} findings, ${severe.length} with a reason\n`)
})

async function scan(port: number, pem: string, directory: string): Promise<readonly Finding[]> {
  const [ca, out] = [join(directory, 'ca.pem'), join(directory, 'out.json')]
  writeFileSync(ca, pem)
  const options = ['--quiet', '--color', '0', '--warnings', 'batch', '--add-ca', ca]
  const args = [...options, '--jsonfile', out, `localhost:${port}`]
  // Not in this thread: the gateway answers in it.
  const { promise, resolve } = Promise.withResolvers<void>()
  const child = spawn('testssl', args, { stdio: 'ignore', timeout: SCAN_MS_MAX })
  child.once('close', () => resolve())
  await promise
  return JSON.parse(readFileSync(out, 'utf8')) as Finding[]
}
