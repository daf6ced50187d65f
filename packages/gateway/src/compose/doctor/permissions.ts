import { join } from 'node:path'
import type { Finding } from '../../cli/index.ts'
import type { Config } from '../../config/index.ts'
import { referencedFiles } from '../referenced-files.ts'
import { see } from './seen.ts'

const OTHERS = 0o077
const OTHERS_WRITE = 0o022

/** Who but the gateway's own user may read its secrets, or write what it goes by. */
export async function* examinePermissions(config: Config): AsyncGenerator<Finding> {
  const { data, vault, identity, policies, listeners } = config
  const kek = vault.kek !== undefined && 'file' in vault.kek ? vault.kek.file : undefined
  const secrets = [
    join(data, 'keys'),
    join(data, 'state'),
    ...listeners.flatMap(({ tls }) => {
      return tls?.acme === undefined ? [] : [tls.acme.store ?? join(data, 'acme')]
    }),
    ...(kek === undefined ? [] : [kek]),
    identity.keysFile,
    ...referencedFiles(config).flatMap(({ path, isSecret }) => (isSecret ? [path] : [])),
  ]
  let wrong = 0
  for (const path of new Set(secrets)) {
    const finding = await readableByOthers(path)
    if (finding !== undefined) yield finding
    wrong += finding === undefined ? 0 : 1
  }
  for (const path of new Set([policies.directory])) {
    const found = await see('permissions', path)
    if (found.kind === 'unseen') yield found.finding
    else if (found.kind === 'nothing' || (found.facts.mode & OTHERS_WRITE) === 0) continue
    wrong += 1
    if (found.kind === 'unseen') continue
    const advice = `chmod go-w ${path}`
    const says = 'others than its owner may change what is allowed'
    yield { topic: 'permissions', subject: path, state: 'failure', says, advice }
  }
  if (wrong === 0) {
    const says = 'secrets are their owner’s alone'
    yield { topic: 'permissions', subject: '', state: 'ok', says }
  }
  if (process.getuid?.() === 0) {
    const advice = 'run it as a user of its own; see the systemd unit in docs/operating.md'
    const says = 'this is root; the gateway needs nothing that root may'
    yield { topic: 'permissions', subject: 'user', state: 'warning', says, advice }
  }
}

async function readableByOthers(path: string): Promise<Finding | undefined> {
  const found = await see('permissions', path)
  if (found.kind === 'unseen') return found.finding
  if (found.kind === 'nothing' || (found.facts.mode & OTHERS) === 0) return undefined
  const { facts } = found
  const mode = (facts.mode & 0o777).toString(8)
  return {
    topic: 'permissions',
    subject: path,
    state: 'failure',
    says: `mode ${mode}: others than its owner may look into a secret`,
    advice: `chmod ${facts.isDirectory() ? '700' : '600'} ${path}`,
  }
}
