// What a gateway that is a process of its own is configured with: a directory with its file and
// its policies, and keys as the CLI makes them.
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run-cli.ts'

/** The configuration's path. It is to name `policies` as its directory. */
export async function layOut(
  directory: string,
  configuration: string,
  policies = '@id("all") permit (principal, action, resource);\n',
): Promise<string> {
  const config = join(directory, 'countersign.yaml')
  await mkdir(join(directory, 'policies'), { recursive: true })
  await writeFile(join(directory, 'policies/all.cedar'), policies)
  await writeFile(config, configuration)
  return config
}

/** The token of a new key of a principal, in the keys file that the configuration names. */
export async function newKey(
  config: string,
  principal: string,
  ...more: readonly string[]
): Promise<string> {
  const args = ['keys', 'create', '--principal', principal, '--config', config, '--json', ...more]
  const { exit, out, err } = await run(args)
  assert.equal(exit, 0, err)
  return (JSON.parse(out) as { token: string }).token
}
