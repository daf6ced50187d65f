import type { PolicyProblem } from './policy-error.ts'
import { type PolicyFile, placeOf } from './policy-files.ts'

/**
 * How deep the engine can follow, with room to spare: at some 150 brackets, 600 `if` or 1000 `||`
 * it runs out of its stack, and does not work again until the process ends.
 */
const DEPTH_MAX = 512
const BRACKET_DEPTH = 8
const IF_DEPTH = 2

const TOKEN = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|\/\/[^\n]*|[A-Za-z_]\w*|\|\||&&|!=|[([{}\]),;.!+*-]/g

/** What stands between two brackets, or commas, as a tree of operators: how deep it is so far. */
interface Level {
  ifs: number
  ors: number
  ands: number
  /** Of one operand of `&&`: signs, sums, and members of members. */
  rest: number
}

/** The first place of a file that is nested deeper than the engine can follow. */
export function tooDeep(file: PolicyFile): PolicyProblem | undefined {
  let level = flat()
  let outerDepth = 0
  const outer: { readonly level: Level; readonly depth: number }[] = []
  for (const { 0: token, index } of file.text.matchAll(TOKEN)) {
    if (token === '(' || token === '[' || token === '{') {
      // At the top it begins a scope or a condition, and conditions are joined by `&&`.
      count(level, outer.length === 0 ? '&&' : '.')
      outer.push({ level, depth: outerDepth })
      outerDepth += depthOf(level) + BRACKET_DEPTH
      level = flat()
    } else if (token === ')' || token === ']' || token === '}') {
      const around = outer.pop()
      level = around?.level ?? flat()
      outerDepth = around?.depth ?? 0
    } else if (token === ',' || token === ';') level = flat()
    else count(level, token)
    if (outerDepth + depthOf(level) > DEPTH_MAX) {
      const hint = 'make several policies of it, or a set: [a, b].contains(c)'
      const { line, column } = placeOf(file.text.slice(0, index))
      return { file: file.name, line, column, message: 'this is nested too deep', hint }
    }
  }
  return undefined
}

function flat(): Level {
  return { ifs: 0, ors: 0, ands: 0, rest: 0 }
}

function depthOf({ ifs, ors, ands, rest }: Level): number {
  return ifs * IF_DEPTH + ors + ands + rest
}

/** What binds looser begins anew what binds tighter. */
function count(level: Level, token: string): void {
  switch (token) {
    case 'if':
      level.ifs += 1
      break
    case '||':
      level.ors += 1
      level.ands = 0
      level.rest = 0
      break
    case '&&':
      level.ands += 1
      level.rest = 0
      break
    case '.':
    case '!':
    case '+':
    case '*':
    case '-':
      level.rest += 1
      break
    default:
  }
}
