// What no type of an object is called in its module.

/** The module's own names, those that it may import, and those of the language. */
export const reservedNames: ReadonlySet<string> = new Set([
  ...['Maps', 'Rings', 'Programs', 'Globals', 'Links'],
  ...['BpfMap', 'BpfPerfRing', 'BpfProgram', 'BpfRing', 'BpfSkeleton', 'BpfStream', 'BpfLink'],
  ...[
    'BpfObject',
    'BpfError',
    'CaseValue',
    'Descriptor',
    'SkeletonOptions',
    'SkeletonParts',
    'Btf',
  ],
  ...['Struct', 'Union', 'Enumeration', 'Type', 'Value', 'Wide', 'RingBuffer', 'PerfBuffer'],
  ...['Array', 'ArrayBuffer', 'BigInt', 'Boolean', 'Buffer', 'DataView', 'Date', 'Error'],
  ...['Function', 'Infinity', 'Int8Array', 'Intl', 'Iterator', 'JSON', 'Map', 'Math', 'NaN'],
  ...['Number', 'Object', 'Promise', 'Proxy', 'Readonly', 'Record', 'Reflect', 'RegExp', 'Set'],
  ...['String', 'Symbol', 'Uint8Array', 'WeakMap', 'WeakSet'],
])
