//! What must not compile, with what the compiler says about it. Its words may change with its version;
//! `TRYBUILD=overwrite cargo test` writes them anew, for you to read before you commit them.

#[test]
fn forgetting_the_tenant_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
