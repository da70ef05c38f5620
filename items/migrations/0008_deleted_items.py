from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("items", "0007_search")]

    operations = [
        migrations.CreateModel(
            name="DeletedItem",
            fields=[],
            options={"proxy": True, "default_permissions": (), "indexes": [], "constraints": []},
            bases=("items.item",),
        ),
    ]
