"""The group Contributors, whose members may add items. Whoever had an account before could add items, and still can."""

from typing import Any

from django.conf import settings
from django.db import migrations

GROUP = "Contributors"


def make_group(apps: Any, schema_editor: Any) -> None:
    # Permissions are made after the last migration; this one is needed now, as Django will find it.
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="items", model="item"
    )
    permission, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=content_type, codename="add_item", defaults={"name": "Can add item"}
    )
    group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=GROUP)
    group.permissions.add(permission)
    app_label, model = settings.AUTH_USER_MODEL.split(".")
    group.user_set.add(*apps.get_model(app_label, model).objects.values_list("pk", flat=True))


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("items", "0001_initial"),
    ]

    operations = [migrations.RunPython(make_group, migrations.RunPython.noop)]
