"""Settings: defaults, then the file, then the environment."""

import stat

import pytest

from cnai_sdk.config import load_config, runtime_dir, write_setting
from cnai_sdk.errors import BackendUnavailable, InvalidRequest


@pytest.fixture
def environ(tmp_path):
    return {"CNAI_CONFIG": str(tmp_path / "cnai/config.toml")}


@pytest.fixture
def file(tmp_path):
    (tmp_path / "cnai").mkdir()
    return tmp_path / "cnai/config.toml"


def test_without_a_file_the_defaults_hold(environ):
    config = load_config(environ)
    assert (config.backend, config.backend_why) == ("local", "default")
    assert (config.log_limit, config.template_idle, config.warm) == (2**30, 900.0, True)
    assert config.home.is_absolute()


def test_the_file_wins_over_the_defaults_and_says_so(environ, file):
    file.write_text('backend = "kubernetes"\nlog_limit = "2Gi"\ntemplate_idle = "5m"\n')
    config = load_config(environ)
    assert (config.backend, config.backend_why) == ("kubernetes", "configuration file")
    assert (config.log_limit, config.template_idle) == (2 * 2**30, 300.0)


def test_the_environment_wins_over_the_file(environ, file, tmp_path):
    file.write_text('backend = "kubernetes"\nwarm = true\n')
    given = {"CNAI_BACKEND": "local", "CNAI_WARM": "0", "CNAI_HOME": str(tmp_path)}
    config = load_config(environ | given | {"CNAI_LOG_LIMIT": "1048576"})
    assert (config.backend, config.backend_why) == ("local", "CNAI_BACKEND")
    assert (config.warm, config.home, config.log_limit) == (False, tmp_path, 2**20)


@pytest.mark.parametrize(
    ("text", "line", "fix"),
    [
        ('\n\nbackend = "local', "line 3", "backend"),
        ('warm = true\nbackned = "local"\n', "line 2", "backend"),
        ('\nlog_limit = "2GB"\n', "line 2", 'log_limit="2Gi"'),
        ("home = 5\n", "line 1", "home ="),
        ('warm = "perhaps"\n', "line 1", "warm = true"),
        ("[backend]\nname = 1\n", "line 1", "local"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line_and_the_fix(
    environ, file, text, line, fix
):
    file.write_text(text)
    with pytest.raises(InvalidRequest) as error:
        load_config(environ)
    said = f"{error.value.what} {error.value.why}"
    assert str(file) in said
    assert line in said
    assert fix in error.value.next_step


def test_a_variable_that_cannot_be_used_is_named(environ):
    with pytest.raises(InvalidRequest, match="CNAI_LOG_LIMIT"):
        load_config(environ | {"CNAI_LOG_LIMIT": "lots"})


def test_a_written_setting_is_read_again_and_the_rest_of_the_file_stays(environ, file):
    file.write_text('# mine\nbackend = "kubernetes"\nwarm = false\n')
    assert write_setting("backend", "local", environ=environ) == file
    assert file.read_text() == '# mine\nbackend = "local"\nwarm = false\n'
    write_setting("log_limit", "3Gi", environ=environ)
    assert load_config(environ).log_limit == 3 * 2**30
    assert [p.name for p in file.parent.iterdir()] == ["config.toml"]


def test_the_first_setting_makes_the_file(environ, tmp_path):
    write_setting("warm", False, environ=environ)
    assert load_config(environ).warm is False
    assert stat.S_IMODE((tmp_path / "cnai").stat().st_mode) == 0o700


@pytest.mark.parametrize(("key", "value"), [("backned", "local"), ("backend", "Ku be")])
def test_a_setting_that_could_not_be_read_again_is_not_written(environ, file, key, value):
    file.write_text("warm = true\n")
    with pytest.raises(InvalidRequest):
        write_setting(key, value, environ=environ)
    assert file.read_text() == "warm = true\n"


def test_sockets_lie_in_a_private_folder_of_the_login(sockets, tmp_path):
    folder = runtime_dir({"XDG_RUNTIME_DIR": str(sockets)}, temporary=tmp_path)
    assert folder == sockets / "cnai"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_login_folder_with_too_long_a_path_is_not_used(tmp_path):
    deep = tmp_path / ("x" * 60)
    deep.mkdir()
    folder = runtime_dir({"XDG_RUNTIME_DIR": str(deep)}, temporary=tmp_path)
    assert folder.parent == tmp_path


def test_a_folder_that_others_could_enter_is_closed(tmp_path):
    folder = runtime_dir({}, temporary=tmp_path)
    folder.chmod(0o755)
    assert stat.S_IMODE(runtime_dir({}, temporary=tmp_path).stat().st_mode) == 0o700


def test_a_link_put_in_its_place_is_refused(tmp_path):
    folder = runtime_dir({}, temporary=tmp_path)
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BackendUnavailable, match="cannot hold your sockets"):
        runtime_dir({}, temporary=tmp_path)
