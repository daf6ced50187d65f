import { z } from 'zod'
import { parameterName, readParameters } from '../policy/index.ts'

const PLAIN = /^\/(?:[A-Za-z0-9._~!$&'()*+,=:@-]+\/)*(?:[A-Za-z0-9._~!$&'()*+,=:@-]+)?$/
const TEMPLATE = /^\/((\{[A-Za-z][A-Za-z0-9_-]{0,63}\}|[A-Za-z0-9._~!$&'()*+,=:@-]+)(\/|$))*$/
const DOTS = /(?:^|\/)\.{1,2}(?:\/|$)/

const plainPath = z
  .string()
  .regex(PLAIN, 'is not a plain path')
  .refine((path) => !DOTS.test(path), 'has a segment of dots')

/** What the upstream is asked for in place of the path that was decided on. */
export const pathRewriteSchema = z
  .union([
    z.strictObject({ prefix: plainPath }),
    z.strictObject({
      template: z
        .string()
        .regex(TEMPLATE, 'is not a plain path with parameters')
        .refine((path) => !DOTS.test(path), 'has a segment of dots'),
    }),
  ])
  .describe('prefix: in place of the path of the route (/: stripped); template: of the whole path')

export type PathRewriteConfig = z.infer<typeof pathRewriteSchema>

/** Names in a template that the route's path does not have. */
export function unknownParameters(rewrite: PathRewriteConfig, routePath: string): string[] {
  if (!('template' in rewrite)) return []
  const known = new Set(routePath.split('/').flatMap((segment) => parameterName(segment) ?? []))
  const named = rewrite.template.split('/').flatMap((segment) => parameterName(segment) ?? [])
  return named.filter((name) => !known.has(name))
}

/**
 * The path that goes on. It is made of a canonical path and plain text alone, segment by segment,
 * so that it is as canonical as that: no empty segment, no dots, no separator in a parameter.
 */
export function rewritePath(rewrite: PathRewriteConfig, routePath: string, path: string): string {
  if ('template' in rewrite) {
    const parameters = readParameters(routePath, path)
    return rewrite.template
      .split('/')
      .map((segment) => {
        const name = parameterName(segment)
        return name === undefined ? segment : (parameters[name] ?? '')
      })
      .join('/')
  }
  const depth = routePath.split('/').filter((segment) => segment !== '').length
  const rest = path.split('/').slice(depth + 1)
  const prefix = rewrite.prefix.endsWith('/') ? rewrite.prefix.slice(0, -1) : rewrite.prefix
  return rest.length === 0 ? prefix || '/' : `${prefix}/${rest.join('/')}`
}
