// Nothing: the tests' precompiled headers need a source to belong to.
