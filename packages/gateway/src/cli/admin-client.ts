import type { Command } from 'commander'
import { diskErrorCode } from '../platform/index.ts'
import { type CliContext, CliError } from './command.ts'

const KEY_BYTES_MAX = 65_536
const ADMIN_URL = 'http://localhost:9080'

/** Where the control plane is, and where the key for it lies. */
export interface AdminOptions {
  readonly admin: string
  readonly keyFile?: string
}

/** What the control plane answered. */
export interface AdminAnswer {
  readonly status: number
  readonly body: unknown
}

/** The options that every command has that talks to a running gateway. */
export function withAdminOptions(command: Command): Command {
  return command
    .option('--admin <url>', 'the control plane of the running gateway', ADMIN_URL)
    .option('--key-file <file>', 'file with an API key or token (default: $COUNTERSIGN_KEY)')
}

/**
 * Asks the control plane. Throws CliError 2 where it cannot be asked, and where it does not know
 * or want who asks; every other answer is the caller's.
 */
export async function askAdmin(
  context: CliContext,
  options: AdminOptions,
  {
    method,
    path,
    body,
  }: { readonly method: string; readonly path: string; readonly body?: object },
): Promise<AdminAnswer> {
  const url = adminUrl(options.admin, path)
  const headers = {
    authorization: `Bearer ${await credential(context, options)}`,
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) }
  const response = await reach(context, url, init)
  const answer = { status: response.status, body: await readBody(response) }
  if (response.status !== 401 && response.status !== 403) return answer
  const { title, detail } = answer.body as { readonly title?: string; readonly detail?: string }
  throw new CliError(2, [title, detail].filter((part) => part !== undefined).join(' '))
}

/** A key goes over the network to nobody but who proves to be the gateway. */
function adminUrl(admin: string, path: string): URL {
  const base = URL.parse(admin)
  if (base === null) throw new CliError(2, `--admin ${admin} is no URL`)
  const isHere = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(base.hostname)
  if (base.protocol === 'https:' || (base.protocol === 'http:' && isHere))
    return new URL(path, base)
  throw new CliError(2, `--admin ${admin}: a key is sent over https, or to this machine alone`)
}

async function credential(
  { disk, environment }: CliContext,
  { keyFile }: AdminOptions,
): Promise<string> {
  const text = keyFile === undefined ? environment.COUNTERSIGN_KEY : await readKey(disk, keyFile)
  const key = text?.trim()
  if (key !== undefined && /^[\x21-\x7e]+$/.test(key)) return key
  if (keyFile !== undefined) throw new CliError(2, `${keyFile} holds no API key or token`)
  throw new CliError(2, 'who asks? set COUNTERSIGN_KEY to an API key, or take --key-file FILE')
}

async function readKey(disk: CliContext['disk'], file: string): Promise<string> {
  try {
    return new TextDecoder().decode(await disk.read(file, KEY_BYTES_MAX))
  } catch (cause) {
    const why = diskErrorCode(cause) === 'DISK_NOT_FOUND' ? 'there is no file' : 'cannot read'
    throw new CliError(2, `${why} ${file}`, { cause })
  }
}

async function reach(context: CliContext, url: URL, init: RequestInit): Promise<Response> {
  try {
    return await context.fetch(url, { ...init, redirect: 'error' })
  } catch (cause) {
    throw new CliError(
      2,
      `nothing answers at ${url.origin}: is the gateway running, and is this its --admin URL?`,
      { cause },
    )
  }
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch {
    throw new CliError(2, `${response.url} answered ${response.status} with what is no JSON`)
  }
}
