// As much of a browser as signing in takes: redirects, cookies of each origin, and TLS with one
// more authority. What it says of itself is what a browser says when somebody opens a page.
import { Agent, request } from 'undici'

export interface Page {
  readonly status: number
  readonly url: string
  readonly headers: Headers
  readonly text: string
}

const REDIRECTS_MAX = 20

export class Browser {
  readonly #agent: Agent
  /** Cookies by origin and name. */
  readonly cookies: Map<string, Map<string, string>> = new Map()

  constructor(authority: string) {
    this.#agent = new Agent({ connect: { ca: authority } })
  }

  /** Opens a page, and follows where it leads. */
  async open(url: string): Promise<Page> {
    let next = url
    for (let hops = 0; hops < REDIRECTS_MAX; hops += 1) {
      const page = await this.request(next, { 'sec-fetch-mode': 'navigate' })
      const location = page.headers.get('location')
      if (page.status < 300 || page.status > 399 || location === null) return page
      next = new URL(location, next).href
    }
    throw new Error(`${url} leads nowhere`)
  }

  /** One request, with the cookies of its origin. */
  async request(
    url: string,
    headers: Readonly<Record<string, string>>,
    form?: string,
  ): Promise<Page> {
    const { origin } = new URL(url)
    const jar = this.cookies.get(origin) ?? new Map<string, string>()
    this.cookies.set(origin, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    const response = await request(url, {
      dispatcher: this.#agent,
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...headers,
        ...(form === undefined ? {} : type),
      },
      ...(form === undefined ? {} : { method: 'POST', body: form }),
    })
    const received = new Headers()
    for (const [name, value = ''] of Object.entries(response.headers)) {
      for (const each of [value].flat()) received.append(name, each)
    }
    for (const line of received.getSetCookie()) keep(jar, line)
    const text = await response.body.text()
    return { status: response.statusCode, url, headers: received, text }
  }

  close(): Promise<void> {
    return this.#agent.close()
  }
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = ''] = line.split(';')
  const name = pair.slice(0, pair.indexOf('='))
  const value = pair.slice(name.length + 1)
  if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line) || value === '') jar.delete(name)
  else jar.set(name, value)
}
