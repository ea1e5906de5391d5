//! What must not compile, with what the compiler says about it.

#[test]
fn forgetting_the_tenant_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
