# What the modules know of the program's configuration comes from its own JSON schema, which the program
# prints (`veza config schema`): options, types, defaults and which keys are secrets cannot drift from it.
{ lib }:
let
  root = lib.importJSON ../docs/reference/config.schema.json;
  resolve =
    node:
    if node ? "$ref" then
      resolve (root."$defs".${lib.removePrefix "#/$defs/" node."$ref"} // removeAttrs node [ "$ref" ])
    else
      node;
  properties = node: (resolve node).properties or { };

  # All keys that hold a value, with their nodes, by their dotted path.
  leaves =
    path: node:
    lib.concatMapAttrs (
      name: child:
      let
        here = path ++ [ name ];
      in
      if properties child != { } then
        leaves here child
      else
        { ${lib.concatStringsSep "." here} = resolve child; }
    ) (properties node);
  keys = leaves [ ] root;

  isFile = lib.hasSuffix "_file";
  # Certificates of authorities: files, and no secrets.
  isPublic = lib.hasSuffix "ca_file";
  # Keys such as `tenant.root_secret`, which can be read from a file, and such as `storage.root_key`, which
  # must be.
  secrets = map (lib.removeSuffix "_file") (
    lib.filter (key: isFile key && !isPublic key) (lib.attrNames keys)
  );
  # URLs of databases and of Redis are secrets only when a password is in them.
  isUrl =
    key:
    lib.hasSuffix "url" key
    && lib.any (section: lib.hasPrefix section key) [
      "database."
      "jobs."
      "chat."
    ];
  # Secrets of which the program asks no more than that they are there: any word is one.
  isWord =
    key:
    keys ? ${key}
    && lib.any (section: lib.hasPrefix section key) [
      "storage."
      "stream."
    ];
  settable =
    key:
    key != "server.admin_listen"
    && (!isFile key || isPublic key)
    && (isUrl key || !lib.elem key secrets);

  # The type of a node that is not null.
  type =
    node:
    let
      it = resolve node;
      consts = map (one: one.const) it.oneOf;
    in
    if it ? oneOf && lib.all (one: one ? const) it.oneOf then
      lib.types.enum consts
    else if it ? enum then
      lib.types.enum it.enum
    else
      {
        boolean = lib.types.bool;
        integer =
          if it ? maximum then
            lib.types.ints.between (it.minimum or 0) it.maximum
          else if it ? minimum then
            lib.types.ints.unsigned
          else
            lib.types.int;
        number = lib.types.number;
        string = if it ? pattern then lib.types.strMatching it.pattern else lib.types.str;
        array = lib.types.listOf (type it.items);
        object = lib.types.attrsOf (type it.additionalProperties);
      }
      .${it.type} or (throw "config.schema.json: no option type for ${builtins.toJSON it}");

  # A node may also be null, in one of two spellings.
  withoutNull =
    node:
    let
      others = lib.filter (one: one != { type = "null"; }) node.anyOf;
    in
    if node ? anyOf then
      resolve (lib.head others)
    else if lib.isList (node.type or null) then
      node // { type = lib.head (lib.remove "null" node.type); }
    else
      node;

  option =
    node:
    lib.mkOption {
      type = lib.types.nullOr (type (withoutNull node));
      default = node.default or null;
      description = node.description or "See the configuration reference.";
    };

  tree =
    make:
    lib.foldl' lib.recursiveUpdate { } (
      lib.mapAttrsToList (key: node: lib.setAttrByPath (lib.splitString "." key) (make node)) (
        lib.filterAttrs (key: _: settable key) keys
      )
    );
in
{
  inherit
    keys
    secrets
    isUrl
    isWord
    ;

  # Options for everything that may stand in a file that everybody can read.
  options = tree option;

  # What differs from the program's own defaults, and is not null.
  sparse =
    let
      prune =
        path: table:
        lib.concatMapAttrs (
          name: it:
          let
            here = path ++ [ name ];
            key = lib.concatStringsSep "." here;
            below = prune here it;
          in
          if lib.isAttrs it then
            lib.optionalAttrs (below != { }) { ${name} = below; }
          else if it == null || (keys ? ${key} && keys.${key}.default or null == it) then
            { }
          else
            { ${name} = it; }
        ) table;
    in
    prune [ ];
}
