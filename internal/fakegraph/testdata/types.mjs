// Checks values against the types that Microsoft publishes for Graph, and prints for each value what the TypeScript
// compiler says of it.
//
//	types.mjs FILE     JSON: a list of {name, type, value}
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

// Annotations are OData's. The types are v1.0's, and do not have what events bring along undeclared.
const undeclared = new Set(['uid', 'occurrenceId'])
const bare = (v) => {
  if (Array.isArray(v)) return v.map(bare)
  if (v === null || typeof v !== 'object') return v
  return Object.fromEntries(
    Object.entries(v)
      .filter(([key]) => !key.startsWith('@') && !key.includes('@odata') && !undeclared.has(key))
      .map(([key, value]) => [key, bare(value)]),
  )
}

const values = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const lines = values.map(({ type, value }, i) => `const v${i}: g.${type} = ${JSON.stringify(bare(value))}`)
const source = `import type * as g from '@microsoft/microsoft-graph-types'\n${lines.join('\n')}\n`
const name = join(dirname(fileURLToPath(import.meta.url)), 'values.ts') // beside node_modules; it is never written
const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], lib: ['lib.es2022.d.ts'], module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }
const host = ts.createCompilerHost(options)
const { getSourceFile, fileExists } = host
host.getSourceFile = (file, ...rest) => (file === name ? ts.createSourceFile(file, source, ts.ScriptTarget.ES2022) : getSourceFile(file, ...rest))
host.fileExists = (file) => file === name || fileExists(file)

const says = {}
const program = ts.createProgram([name], options, host)
for (const d of ts.getPreEmitDiagnostics(program)) {
  const text = ts.flattenDiagnosticMessageText(d.messageText, ' ')
  const line = d.file?.fileName === name ? d.file.getLineAndCharacterOfPosition(d.start).line : 0
  const about = line > 0 ? values[line - 1].name : 'the types themselves'
  says[about] = [...(says[about] ?? []), text]
}
console.log(JSON.stringify(says))
