# A certificate for `api.example.com`, made while the test is built.
{ pkgs, ... }:
let
  made = pkgs.runCommand "certificate" { nativeBuildInputs = [ pkgs.openssl ]; } ''
    mkdir $out
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
      -subj /CN=api.example.com -addext subjectAltName=DNS:api.example.com,DNS:db.example.com \
      -keyout $out/key.pem -out $out/cert.pem
  '';
in
{
  security.pki.certificateFiles = [ "${made}/cert.pem" ];
  # The key of a test is no secret, but modules refuse files of the store.
  systemd.tmpfiles.rules = [
    "C /run/test-cert.pem 0444 root root - ${made}/cert.pem"
    "C /run/test-key.pem 0440 root nginx - ${made}/key.pem"
  ];
}
