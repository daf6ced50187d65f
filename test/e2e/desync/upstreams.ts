// Three servers that parse HTTP each in its own way, and say what they parsed when they end.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../free-port.ts'
import type { Field } from './reading.ts'

/** One request as an upstream parsed it. */
export interface Parsed {
  readonly upstream: string
  readonly method: string
  readonly target: string
  readonly fields: readonly Field[]
  readonly bytes: number
  readonly sha256: string
  readonly isWhole: boolean
}

export interface Unreadable {
  readonly upstream: string
  readonly unreadable: string
}

export interface ParsingUpstream {
  readonly name: string
  readonly authority: string
  /** Ends it: everything that reached it. */
  close(): Promise<readonly (Parsed | Unreadable)[]>
}

export function startUpstreams(directory: string): Promise<readonly ParsingUpstream[]> {
  return Promise.all([
    startProcess(
      'node',
      process.execPath,
      [join(import.meta.dirname, 'upstream-node.ts')],
      directory,
    ),
    startNginx(directory),
    startProcess('python', 'python3', [join(import.meta.dirname, 'upstream.py')], directory),
  ])
}

async function startProcess(
  name: string,
  command: string,
  first: readonly string[],
  directory: string,
): Promise<ParsingUpstream> {
  const log = join(directory, `${name}.jsonl`)
  const child = spawn(command, [...first, log], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return {
    name,
    authority: `127.0.0.1:${Number(String(line))}`,
    close: lazily(async () => {
      const ended = once(child, 'exit')
      child.stdin.end()
      await ended
      const lines = (await readFile(log, 'utf8')).trim().split('\n')
      return lines
        .filter((each) => each !== '')
        .map((each) => ({ ...(JSON.parse(each) as Parsed | Unreadable), upstream: name }))
    }),
  }
}

/** The head as it came, and the body, which the echo module has read before the line is written. */
const LOG_FORMAT =
  '$status\\t$request_completion\\t$request_method\\t$request_uri\\t$echo_client_request_headers\\t$request_body'

async function startNginx(directory: string): Promise<ParsingUpstream> {
  const port = await freePort()
  const log = join(directory, 'nginx.log')
  const config = join(directory, 'nginx.conf')
  await writeFile(config, nginxConfig(directory, log, port))
  const child = spawn(
    'nginx',
    ['-p', directory, '-c', config, '-e', join(directory, 'nginx-error.log')],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  await answers(port, child)
  return {
    name: 'nginx',
    authority: `127.0.0.1:${port}`,
    close: lazily(async () => {
      const ended = once(child, 'exit')
      child.kill('SIGQUIT')
      const late = setTimeout(() => child.kill('SIGTERM'), 2000)
      await ended
      clearTimeout(late)
      const lines = (await readFile(log, 'latin1')).trim().split('\n')
      return lines.filter((line) => line !== '' && !line.includes('/__ready')).map(readNginxLine)
    }),
  }
}

function lazily<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

function nginxConfig(directory: string, log: string, port: number): string {
  return `daemon off; pid ${directory}/nginx.pid; worker_processes 1;
load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
events { worker_connections 512; }
http {
  log_format seen '${LOG_FORMAT}';
  access_log ${log} seen buffer=256k flush=1s;
  client_body_temp_path ${directory}/nginx-body;
  client_body_buffer_size 256k; client_max_body_size 0; large_client_header_buffers 8 64k;
  keepalive_requests 10000000; keepalive_timeout 600s; lingering_close off;
  underscores_in_headers on; ignore_invalid_headers off; merge_slashes off;
  server {
    listen 127.0.0.1:${port};
    location / {
      echo_read_request_body;
      echo -n "$http_x_request_id $request_method $request_uri";
    }
  }
}
`
}

async function answers(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`)
    const isUp = await fetch(`http://127.0.0.1:${port}/__ready`).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return
    await sleep(50)
  }
  throw new Error('nginx does not answer')
}

function readNginxLine(line: string): Parsed | Unreadable {
  const [status = '', completion, method = '', target = '', head = '', body = ''] = line
    .split('\t')
    .map(decoded)
  if (completion !== 'OK' && Number(status) < 500 && status !== '400') {
    return { ...parsedOf(method, target, head, ''), isWhole: false }
  }
  if (status === '400' && /^x-request-id:/im.test(head)) {
    return { ...parsedOf(method, target, head, ''), isWhole: false }
  }
  if (status !== '200') return { upstream: 'nginx', unreadable: `${status} ${head}` }
  return parsedOf(method, target, head, body === '-' ? '' : body)
}

function parsedOf(method: string, target: string, head: string, body: string): Parsed {
  const [, ...lines] = head.split('\r\n')
  const fields = lines
    .filter((line) => line !== '')
    .map((line): Field => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
    })
  const bytes = Buffer.from(body, 'latin1')
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { upstream: 'nginx', method, target, fields, bytes: bytes.length, sha256, isWhole: true }
}

function decoded(text: string): string {
  return text.replace(/\\x([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}
