const { configure } = require('@testing-library/dom');

// What is waited for comes, also on a machine that stands still for seconds.
configure({ asyncUtilTimeout: 30_000 });
