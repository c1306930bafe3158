/** The parts of a JSON schema that the configuration loader uses. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly type?: string;
  readonly format?: string;
  readonly pattern?: string;
  /** Message that editors show instead of the pattern. */
  readonly patternErrorMessage?: string;
  readonly description?: string;
  readonly default?: unknown;
  /** A credential (see `SecretField`). */
  readonly writeOnly?: boolean;
}

/** A node and all its alternatives. */
export function alternatives(node: SchemaNode): SchemaNode[] {
  return [node, ...[...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(alternatives)];
}

/** Child nodes for a map key or list index. */
export function childrenAt(nodes: readonly SchemaNode[], key: PropertyKey): SchemaNode[] {
  return nodes.flatMap((node) => {
    const other = typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined;
    const child = typeof key === 'number' ? node.items : (node.properties?.[String(key)] ?? other);
    return child ? alternatives(child) : [];
  });
}

/** The nodes at a path. */
export function nodesAt(root: SchemaNode, path: readonly PropertyKey[]): SchemaNode[] {
  return path.reduce<SchemaNode[]>((nodes, key) => childrenAt(nodes, key), alternatives(root));
}

export function isSecret(nodes: readonly SchemaNode[]): boolean {
  return nodes.some((node) => node.writeOnly === true);
}

/** Keys allowed by any alternative. */
export function knownKeys(nodes: readonly SchemaNode[]): string[] {
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** Allowed values of enums and constants. */
export function knownValues(nodes: readonly SchemaNode[]): string[] {
  return nodes.flatMap((node) =>
    [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])].map(String),
  );
}
