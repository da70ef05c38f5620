from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0012_looking")]

    operations = [
        migrations.AlterField(
            model_name="importjob",
            name="why_skipped",
            field=models.JSONField(db_default={}, default=dict),
        ),
    ]
