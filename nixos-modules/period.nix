# A period of the configuration (`250ms`, `20s`, `1m`) in whole seconds, rounded up.
{ lib }:
text:
let
  parts = builtins.match "([0-9]+)(ms|s|m|h|d)" text;
  number = lib.toIntBase10 (lib.head parts);
  unit = lib.last parts;
in
if unit == "ms" then
  (number + 999) / 1000
else
  number
  * {
    s = 1;
    m = 60;
    h = 3600;
    d = 86400;
  }
  .${unit}
