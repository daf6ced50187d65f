// The upstreams of a running gateway, as its command line shows them, through reloads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createKey } from '../../packages/gateway/src/identity/index.ts'
import { systemClock, systemRandom } from '../../packages/gateway/src/platform/index.ts'
import { startCommand, waitFor } from '../demo-process.ts'
import { run } from '../run-cli.ts'

interface Shown {
  readonly upstreams: readonly {
    readonly name: string
    readonly state: string
    readonly endpoints: readonly { readonly state: string; readonly requests: number }[]
  }[]
}

test('an upstream that did not change keeps its counts through a reload', async () => {
  const api = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1')
  await once(api, 'listening')
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`
  const directory = mkdtempSync(join(tmpdir(), 'countersign-upstreams-'))
  const making = { clock: systemClock(), random: systemRandom() }
  const ops = createKey('', { principal: 'ops', kind: 'service' }, making)
  const path = join(directory, 'gateway.yaml')
  const write = (weight: number, headers: string): void => {
    writeFileSync(path, configuration(url, weight, headers))
  }
  mkdirSync(join(directory, 'policies'))
  writeFileSync(
    join(directory, 'policies/all.cedar'),
    '@id("all") permit (principal, action, resource);',
  )
  writeFileSync(join(directory, 'keys.yaml'), ops.text)
  write(1, '[]')
  const gateway = startCommand(['start', '--config', path, '--json'])
  try {
    let said = ''
    gateway.child.stdout?.on('data', (chunk) => {
      said += String(chunk)
    })
    await waitFor(() => said.includes('\n') || gateway.child.exitCode !== null)
    const { addresses } = JSON.parse(said) as { readonly addresses: readonly string[] }
    const [listens = '', admin = ''] = [addresses[0], addresses.at(-1)].map((each) => {
      return each?.split(' ')[1]
    })
    const environment = { COUNTERSIGN_KEY: ops.token }
    const shown = async (...more: readonly string[]) => {
      return run(['upstreams', '--admin', admin, ...more], { environment, columns: 200 })
    }
    const requests = async (): Promise<string> => {
      const { out, err } = await shown('--json')
      assert.equal(err, '')
      const { upstreams } = JSON.parse(out) as Shown
      return upstreams
        .filter(({ name }) => name !== 'faulty')
        .map(({ name, endpoints }) => {
          return `${name} ${endpoints.reduce((sum, each) => sum + each.requests, 0)}`
        })
        .join()
    }
    const reload = async (): Promise<void> => {
      const { exit, err } = await run(['reload', '--admin', admin], { environment })
      assert.equal(exit, 0, err)
    }
    const headers = { authorization: `Bearer ${ops.token}` }
    for (const at of [1, 2, 3]) {
      for (const name of ['kept', 'other']) {
        assert.equal((await fetch(`${listens}/${name}/${at}`, { headers })).status, 200)
      }
    }
    for (const at of [1, 2]) {
      assert.equal((await fetch(`${listens}/faulty/${at}`, { headers })).status, 200)
    }
    assert.equal(await requests(), 'kept 3,other 3')
    write(1, '[accept]')
    await reload()
    assert.equal(await requests(), 'kept 3,other 3')
    write(2, '[accept]')
    await reload()
    assert.equal(await requests(), 'kept 3,other 0')
    assert.match((await shown()).out, /^kept: ready, round-robin, 0 going on.*\n {2}127\.0\.0\.1:/)
    const ready = await (await fetch(`${admin}/readyz`)).text()
    assert.equal(ready, 'ready\n')
    gateway.child.kill()
    assert.equal((await gateway.ended).exit, 0)
    const verified = await run(['verify', join(directory, 'data'), '--no-memory'])
    assert.equal(verified.exit, 0, verified.out + verified.err)
  } finally {
    gateway.child.kill()
    await gateway.ended
    api.closeAllConnections()
    api.close()
    rmSync(directory, { recursive: true })
  }
})

function configuration(url: string, weight: number, headers: string): string {
  return `version: 1
data: data
log: { level: silent }
identity: { keysFile: keys.yaml }
policies: { directory: policies }
admin: { port: 0, roles: { operator: [{ principal: ops }], viewer: [{ principal: ops }] } }
listeners: [{ name: main, port: 0 }]
upstreams:
  kept: { targets: [{ url: "${url}" }] }
  other: { targets: [{ url: "${url}", weight: ${weight} }] }
  faulty: { targets: [{ url: "http://127.0.0.1:1" }, { url: "${url}" }] }
routes:
  - { name: kept, path: /kept, upstream: kept, headers: ${headers} }
  - { name: other, path: /other, upstream: other }
  - { name: faulty, path: /faulty, upstream: faulty, rewrite: { prefix: / } }
`
}
