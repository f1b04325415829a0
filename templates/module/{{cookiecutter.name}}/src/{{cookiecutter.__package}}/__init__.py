"""The module {{ cookiecutter.name }}."""
