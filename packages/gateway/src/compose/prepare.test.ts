import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { prepare } from './prepare.ts'

const CONFIG = `version: 1
data: data
listeners: [{ name: plain, port: 0 }]
admin: { port: 0 }
identity: { keysFile: keys.yaml }
policies: { directory: policies }
upstreams: { up: { url: "https://up.example", authority: authority.pem } }
routes: [{ name: all, path: /, upstream: up }]
`

test('what is made of a file is what its digest says, however often the file changes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'countersign-prepare-'))
  const place = (name: string): string => join(directory, name)
  mkdirSync(place('policies'))
  writeFileSync(place('policies/a.cedar'), 'permit (principal, action, resource);')
  writeFileSync(place('gateway.yaml'), CONFIG)
  const swap = (count: number): void => {
    writeFileSync(place('next.pem'), `authority ${count}`)
    renameSync(place('next.pem'), place('authority.pem'))
  }
  let count = 0
  swap(count)
  const swapping = setInterval(() => {
    count += 1
    swap(count)
  }, 0)
  const seen = new Set<string>()
  try {
    for (let time = 0; time < 200; time += 1) {
      const { references, upstreams } = await prepare(place('gateway.yaml'))
      const { authority = '' } = upstreams.up ?? {}
      assert.equal(references[0]?.name, 'upstreams.up.authority')
      assert.equal(references[0]?.sha256, hash('sha256', authority, 'hex'))
      seen.add(authority)
    }
  } finally {
    clearInterval(swapping)
    rmSync(directory, { recursive: true })
  }
  assert.ok(seen.size > 1, 'it did change')
})
